CREATE TABLE big (id BIGINT NOT NULL, shop STRING NOT NULL, amount BIGINT NOT NULL) DISTRIBUTED BY (shop) INTO 2 BUCKETS;
INSERT INTO big SELECT id, shop, amount FROM `${east:orders}` WHERE amount >= 50;
INSERT INTO big SELECT id, shop, amount FROM `${west:orders}` WHERE amount >= 50;
