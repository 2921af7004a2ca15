CREATE TABLE per_minute (shop STRING NOT NULL, minute_start TIMESTAMP(3) NOT NULL, n BIGINT NOT NULL, total BIGINT) DISTRIBUTED BY (shop) INTO 2 BUCKETS;
INSERT INTO per_minute
  SELECT shop, window_start, COUNT(*), SUM(amount)
  FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR($rowtime), INTERVAL '1' MINUTE))
  GROUP BY window_start, window_end, shop;
