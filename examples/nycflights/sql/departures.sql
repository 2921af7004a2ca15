-- Flights that really left, as the operations board shows them. The record's time is the departure.
CREATE TABLE departures (
  origin    STRING NOT NULL,
  carrier   STRING NOT NULL,
  flight    INT NOT NULL,
  dest      STRING NOT NULL,
  dep_delay INT NOT NULL COMMENT 'minutes; negative is early',
  departed  TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
) DISTRIBUTED BY (origin) INTO 6 BUCKETS
WITH ('kafka.retention.time' = '60 d');

INSERT INTO departures
SELECT origin, carrier, flight, dest, dep_delay, `$rowtime`
FROM flights
WHERE dep_delay IS NOT NULL;
