-- How late flights leave, by airport and hour.
CREATE TABLE delays_by_hour (
  origin      STRING NOT NULL,
  hour_start  TIMESTAMP(3) NOT NULL,
  departures  BIGINT NOT NULL,
  late        BIGINT NOT NULL COMMENT 'left 15 minutes late or more',
  mean_delay  DECIMAL(10, 2),
  worst_delay INT,
  hour_end    TIMESTAMP_LTZ(3) METADATA FROM 'timestamp'
) DISTRIBUTED BY (origin) INTO 3 BUCKETS
WITH ('kafka.retention.time' = '60 d');

INSERT INTO delays_by_hour
SELECT origin,
       window_start,
       COUNT(*),
       SUM(CASE WHEN dep_delay >= 15 THEN CAST(1 AS BIGINT) ELSE CAST(0 AS BIGINT) END),
       CAST(AVG(CAST(dep_delay AS DECIMAL(10, 2))) AS DECIMAL(10, 2)),
       MAX(dep_delay),
       MAX(`$rowtime`)
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(`$rowtime`), INTERVAL '1' HOUR))
WHERE dep_delay IS NOT NULL
GROUP BY window_start, window_end, origin;
