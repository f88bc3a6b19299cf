//! Who is about to leave a room, or the server: kept for some seconds, for the hub that comes next.

use super::writer::Writer;
use super::{StoreError, integer, unsigned};

/// In the place of a room's number: somebody, whose number stands in the place of the name, is about to be gone. No room has it.
pub(crate) const NO_ROOM: i64 = 0;

/// Part of the schema.
pub(super) const TABLE: &str = "CREATE TABLE departures (
         room_id INTEGER NOT NULL,
         name TEXT NOT NULL,
         until_ms INTEGER NOT NULL,
         PRIMARY KEY (room_id, name)
     ) STRICT, WITHOUT ROWID;";

impl Writer {
    /// As part of the open transaction, as what follows.
    pub(crate) fn note_departure(&mut self, room: i64, name: &str, until_ms: u64) -> Result<(), StoreError> {
        if self.begin_if_sound()? {
            let mut put = self.connection().prepare_cached(
                "INSERT INTO departures (room_id, name, until_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (room_id, name) DO UPDATE SET until_ms = excluded.until_ms",
            )?;
            put.execute((room, name, integer(until_ms)))?;
        }
        Ok(())
    }

    pub(crate) fn forget_departure(&mut self, room: i64, name: &str) -> Result<(), StoreError> {
        if self.begin_if_sound()? {
            let mut remove = self
                .connection()
                .prepare_cached("DELETE FROM departures WHERE room_id = ?1 AND name = ?2")?;
            remove.execute((room, name))?;
        }
        Ok(())
    }

    /// Each one's room, name and moment, in milliseconds since 1970.
    pub(crate) fn departures(&self) -> Result<Vec<(i64, String, u64)>, StoreError> {
        let mut all = self.connection().prepare("SELECT room_id, name, until_ms FROM departures")?;
        let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
