//! A file read piece by piece, as fast as somebody takes the pieces.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, Stream};

/// Small enough to stay in the processor's cache from being read to being sent, and for a thousand readers at once.
const PIECE: usize = 128 * 1024;

/// The bytes from `range.start` up to, not including, `range.end`. A file that ends before is an error.
///
/// What the system has in memory is read at once; only where the disk has to be asked does a thread wait for it. Pieces that were dropped give
/// their room to those that come: a reader takes the memory of as many as are under way, whatever the file's size.
pub fn file_pieces(file: File, range: Range<u64>) -> impl Stream<Item = io::Result<Bytes>> + Send {
    let rooms = Arc::new(Rooms {
        free: Mutex::default(),
        size: usize::try_from(range.end.saturating_sub(range.start)).map_or(PIECE, |length| length.min(PIECE)),
    });
    stream::try_unfold((Arc::new(file), range, rooms), async |(file, rest, rooms)| {
        if rest.is_empty() {
            return Ok(None);
        }
        let mut room = rooms.take();
        let wanted = usize::try_from(rest.end - rest.start).map_or(room.len(), |left| left.min(room.len()));
        let mut read = read_at_hand(&file, &mut room[..wanted], rest.start);
        if read == 0 {
            let (file, from) = (Arc::clone(&file), rest.start);
            let reading = tokio::task::spawn_blocking(move || {
                let read = read_waiting(&file, &mut room[..wanted], from)?;
                io::Result::Ok((room, read))
            });
            (room, read) = reading.await.map_err(io::Error::other)??;
        }
        let rest = rest.start + read as u64..rest.end;
        let piece = Piece {
            room,
            length: read,
            rooms: Arc::clone(&rooms),
        };
        Ok(Some((Bytes::from_owner(piece), (file, rest, rooms))))
    })
}

/// What can be had without waiting for a disk; 0 if nothing can, or nobody knows.
#[cfg(target_os = "linux")]
fn read_at_hand(file: &File, room: &mut [u8], from: u64) -> usize {
    use rustix::io::{ReadWriteFlags, preadv2};
    let mut room = [io::IoSliceMut::new(room)];
    // File systems that cannot do this say so each time, and cost a call.
    preadv2(file, &mut room, from, ReadWriteFlags::NOWAIT).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn read_at_hand(_: &File, _: &mut [u8], _: u64) -> usize {
    0
}

/// At least one byte.
fn read_waiting(file: &File, room: &mut [u8], from: u64) -> io::Result<usize> {
    loop {
        match read_at(file, room, from) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, room: &mut [u8], from: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, room, from)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, room: &mut [u8], from: u64) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _};
    file.seek(io::SeekFrom::Start(from))?;
    file.read(room)
}

/// Room for pieces that nobody uses now.
struct Rooms {
    free: Mutex<Vec<Vec<u8>>>,
    size: usize,
}

impl Rooms {
    fn take(&self) -> Vec<u8> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        free.unwrap_or_else(|| vec![0; self.size])
    }
}

/// Bytes that are on their way to somebody.
struct Piece {
    room: Vec<u8>,
    length: usize,
    rooms: Arc<Rooms>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.room[..self.length]
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut free = self.rooms.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(std::mem::take(&mut self.room));
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, TryStreamExt as _};

    use super::*;

    fn file(length: usize) -> (File, Vec<u8>) {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &bytes).unwrap();
        (file, bytes)
    }

    #[tokio::test]
    async fn pieces_are_the_bytes_of_the_range() {
        let length = 3 * PIECE + 17;
        for range in [
            0..length,
            0..1,
            5..PIECE,
            PIECE - 1..PIECE + 1,
            length - 1..length,
            7..7,
        ] {
            let (file, bytes) = file(length);
            let pieces: Vec<Bytes> = file_pieces(file, range.start as u64..range.end as u64)
                .try_collect()
                .await
                .unwrap();
            assert!(pieces.iter().all(|piece| !piece.is_empty()));
            assert_eq!(pieces.concat(), bytes[range]);
        }
    }

    #[tokio::test]
    async fn a_file_that_ends_early_is_an_error() {
        let (file, _) = file(PIECE + 5);
        let pieces: Vec<_> = file_pieces(file, 0..PIECE as u64 + 6).collect().await;
        assert_eq!(pieces.iter().filter(|piece| piece.is_err()).count(), 1);
        assert!(pieces.last().is_some_and(Result::is_err));
    }

    #[tokio::test]
    async fn room_is_used_again() {
        let (file, bytes) = file(8 * PIECE);
        let mut pieces = std::pin::pin!(file_pieces(file, 0..bytes.len() as u64));
        let mut places = std::collections::HashSet::new();
        let mut read = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece.unwrap();
            places.insert(piece.as_ptr());
            read += piece.len();
        }
        assert_eq!((read, places.len()), (bytes.len(), 1));
    }
}
