-- A line of the journal never changes, so its page can be frozen as soon as it is full. Soon after it
-- was written that costs a few bytes of WAL; after the next checkpoint, a whole copy of the page.
ALTER TABLE journal SET (
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 100000,
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 1
);
