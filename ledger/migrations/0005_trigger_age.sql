-- Trigger services look for what was armed since they looked last.
CREATE INDEX standing_trigger_age ON standing_trigger (armed_ms) WHERE price_cents > 0;
