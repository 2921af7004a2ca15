-- How late flights leave, by airport and hour.
CREATE TABLE delays_by_hour (
  origin     STRING NOT NULL,
  hour_start TIMESTAMP(3) NOT NULL,
  flights    BIGINT NOT NULL,
  mean_delay DOUBLE
) DISTRIBUTED BY (origin) INTO 3 BUCKETS;

INSERT INTO delays_by_hour
SELECT origin, window_start, COUNT(*), AVG(CAST(dep_delay AS DOUBLE))
FROM TABLE(TUMBLE(TABLE departures, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, origin;
