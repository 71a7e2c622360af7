-- A version that a job made of another one, such as the picture without its background, names it: what is found out about the one holds for the other.
ALTER TABLE versions ADD COLUMN made_of TEXT COLLATE "C";

-- The host that a message goes to, so that one that is slow gets few at a time. Empty for messages that were on their way before.
ALTER TABLE webhook_deliveries ADD COLUMN host TEXT COLLATE "C" NOT NULL DEFAULT '';
