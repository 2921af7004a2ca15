-- Flights that really left. The record's time is the departure.
CREATE TABLE departures (
  origin    STRING NOT NULL,
  dep_delay INT NOT NULL,
  departed  TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
) DISTRIBUTED BY (origin) INTO 6 BUCKETS;

INSERT INTO departures
SELECT origin, dep_delay, `$rowtime`
FROM flights
WHERE dep_delay IS NOT NULL;
