//! What is in a file that plays, by the program `ffprobe`. Where there is none, such files are stored without.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::process::Stdio;
use std::sync::Once;
use std::time::Duration;

use engine::{ClipFacts, FfprobeError, MAX_FFPROBE_ANSWER};
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::sync::Semaphore;

const PROGRAM: &str = "ffprobe";
/// How long it may look at one file. It reads some megabytes; a file that keeps it longer is made to.
const TIME: Duration = Duration::from_secs(20);
/// How many may look at once.
static LOOKS: Semaphore = Semaphore::const_new(4);

/// True for what `ffprobe` is asked about.
pub fn plays(mime: &str) -> bool {
    mime.starts_with("video/") || mime.starts_with("audio/") || mime == "application/ogg"
}

/// What the file holds; nothing where that can't be found out, which the log says.
pub async fn facts(file: File) -> Option<ClipFacts> {
    match look(PROGRAM, file).await {
        Ok(facts) => Some(facts),
        Err(LookError::Missing) => {
            static ONCE: Once = Once::new();
            ONCE.call_once(|| {
                tracing::warn!(
                    "the program `{PROGRAM}` is not installed: videos and recordings are stored without their length, size and codecs"
                );
            });
            None
        }
        Err(error) => {
            tracing::info!(%error, "a file that plays, and can't be looked into");
            None
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error("`{PROGRAM}` is not installed")]
    Missing,
    #[error("`{PROGRAM}` took longer than {} seconds", TIME.as_secs())]
    Slow,
    #[error("`{PROGRAM}` failed")]
    Failed,
    #[error(transparent)]
    Io(io::Error),
    #[error(transparent)]
    Answer(#[from] FfprobeError),
}

impl From<io::Error> for LookError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            _ => Self::Io(error),
        }
    }
}

async fn look(program: &str, file: File) -> Result<ClipFacts, LookError> {
    let _place = LOOKS.acquire().await.map_err(io::Error::other)?;
    // The program gets the open file: no path of ours, and nothing that a name could change.
    let mut child = Command::new(program)
        .args(engine::ffprobe_arguments(OsStr::new("/dev/stdin")))
        .stdin(Stdio::from(file))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().ok_or(LookError::Failed)?;
    let answered = async {
        let mut answer = Vec::new();
        stdout
            .take(MAX_FFPROBE_ANSWER as u64 + 1)
            .read_to_end(&mut answer)
            .await?;
        if answer.len() > MAX_FFPROBE_ANSWER {
            return Err(FfprobeError::TooLong.into());
        }
        if !child.wait().await?.success() {
            return Err(LookError::Failed);
        }
        Ok(answer)
    };
    // Dropped when it takes too long or says too much, it is killed.
    let answer = tokio::time::timeout(TIME, answered)
        .await
        .map_err(|_elapsed| LookError::Slow)??;
    Ok(engine::clip_facts(&answer)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    /// 0.1 seconds of silence: 8000 samples a second, of 8 bits.
    fn wave() -> Vec<u8> {
        let mut bytes =
            b"RIFF\x44\x03\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\x20\x03\0\0"
                .to_vec();
        bytes.extend([0x80; 800]);
        bytes
    }

    #[tokio::test]
    async fn a_recording() {
        match look(PROGRAM, file(&wave())).await {
            Err(LookError::Missing) => eprintln!("skipped: no ffprobe"),
            found => {
                let found = found.unwrap();
                assert_eq!(found.audio_codec.as_deref(), Some("pcm_u8"));
                assert_eq!(found.duration, Some(Duration::from_millis(100)));
                assert_eq!((found.width, found.video_codec), (None, None));
            }
        }
    }

    #[tokio::test]
    async fn what_can_not_be_looked_into() {
        assert!(matches!(
            look("no-such-program", file(b"")).await,
            Err(LookError::Missing)
        ));
        assert!(matches!(look("false", file(b"")).await, Err(LookError::Failed)));
        assert!(matches!(look("true", file(b"")).await, Err(LookError::Answer(_))));
        // A playlist would make it open other files.
        let list = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile:/etc/hostname\n#EXT-X-ENDLIST\n";
        let refused = look(PROGRAM, file(list)).await;
        assert!(
            matches!(refused, Err(LookError::Failed | LookError::Missing)),
            "{refused:?}"
        );
    }
}
