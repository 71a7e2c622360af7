-- How far the caches in front of the server are with a purge: a JSON array, if there are any.
ALTER TABLE purges ADD COLUMN caches TEXT;
