//! What a clip or a recording is, as `ffprobe` tells it: the program's arguments, and what its answer means. Running it is
//! for others; here is no process.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use serde::Deserialize;

/// The longest answer that is worth reading, in bytes.
pub const MAX_FFPROBE_ANSWER: usize = 1 << 20;

/// Containers that are opened. Those that only point at other files (playlists, lists to join) are not among them.
const CONTAINERS: &str = "mov,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,m4v,ogg,asf,mxf,ivf,rm,dv,\
                          mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,ape,wv";
/// Only what is needed is printed, so that a file with thousands of streams has a short answer.
const ENTRIES: &str = "format=duration,bit_rate:stream=codec_type,codec_name,width,height,duration\
                       :stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation";
/// Bytes, and microseconds of play, that it may look at to find out what is in a file.
const PROBE_BYTES: &str = "10000000";
const PROBE_MICROSECONDS: &str = "10000000";
/// Bytes that it may take at once.
const MAX_ALLOCATION: &str = "268435456";
/// No clip is wider, or longer than ten years.
const MAX_SIDE: u32 = 65_535;
const MAX_SECONDS: f64 = 315_360_000.0;
/// Bits per second that are believed.
const MAX_BIT_RATE: u64 = 1 << 40;
/// Of a codec's name.
const MAX_NAME: usize = 40;

/// What is in a file that plays. Each is absent when it is not known or there is no such stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClipFacts {
    /// Columns as a viewer sees them, of the first video stream.
    pub width: Option<u32>,
    /// Rows as a viewer sees them.
    pub height: Option<u32>,
    /// How long it plays.
    pub duration: Option<Duration>,
    /// Bits per second of everything in it.
    pub bit_rate: Option<u64>,
    /// Of the first audio stream: `aac`.
    pub audio_codec: Option<String>,
    /// Of the first video stream: `h264`.
    pub video_codec: Option<String>,
}

/// An answer that is none.
#[derive(Debug, thiserror::Error)]
pub enum FfprobeError {
    /// More than [`MAX_FFPROBE_ANSWER`] bytes.
    #[error("ffprobe said more than {MAX_FFPROBE_ANSWER} bytes")]
    TooLong,
    /// Not the JSON that was asked for.
    #[error("ffprobe's answer can't be read")]
    Unreadable(#[source] serde_json::Error),
    /// No stream of sound or moving pictures.
    #[error("it holds neither video nor audio")]
    Nothing,
}

/// The arguments with which `ffprobe` tells [`clip_facts`] of a file. It may open that file and nothing else: no network, and
/// no container that names other files.
pub fn ffprobe_arguments(file: &OsStr) -> Vec<OsString> {
    let mut input = OsString::from("file:");
    input.push(file);
    let options = [
        ["-v", "error"],
        ["-protocol_whitelist", "file,pipe"],
        ["-format_whitelist", CONTAINERS],
        ["-max_alloc", MAX_ALLOCATION],
        ["-probesize", PROBE_BYTES],
        ["-analyzeduration", PROBE_MICROSECONDS],
        ["-threads", "1"],
        ["-show_entries", ENTRIES],
        ["-of", "json=compact=1"],
    ];
    let options = options.into_iter().flatten().map(OsString::from);
    options.chain([OsString::from("-i"), input]).collect()
}

/// Reads what `ffprobe` printed.
pub fn clip_facts(answer: &[u8]) -> Result<ClipFacts, FfprobeError> {
    if answer.len() > MAX_FFPROBE_ANSWER {
        return Err(FfprobeError::TooLong);
    }
    let answer: Answer = serde_json::from_slice(answer).map_err(FfprobeError::Unreadable)?;
    let of_kind = |kind: &str| {
        let is_it = |stream: &&Stream| stream.codec_type.as_deref() == Some(kind);
        // The cover of an album is a video stream of one picture.
        answer
            .streams
            .iter()
            .find(|stream| is_it(stream) && stream.disposition.attached_pic == 0)
    };
    let (video, audio) = (of_kind("video"), of_kind("audio"));
    if video.is_none() && audio.is_none() {
        return Err(FfprobeError::Nothing);
    }
    let size = video.and_then(Stream::upright);
    let seconds = |text: &Option<String>| {
        let seconds: f64 = text.as_deref()?.parse().ok()?;
        (0.0..=MAX_SECONDS)
            .contains(&seconds)
            .then(|| Duration::from_secs_f64(seconds))
    };
    let longest = || {
        answer
            .streams
            .iter()
            .filter_map(|stream| seconds(&stream.duration))
            .max()
    };
    let bit_rate = answer.format.bit_rate.as_deref().and_then(|rate| rate.parse().ok());
    Ok(ClipFacts {
        width: size.map(|(width, _)| width),
        height: size.map(|(_, height)| height),
        duration: seconds(&answer.format.duration).or_else(longest),
        bit_rate: bit_rate.filter(|rate| (1..=MAX_BIT_RATE).contains(rate)),
        audio_codec: audio.and_then(Stream::codec),
        video_codec: video.and_then(Stream::codec),
    })
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    format: Container,
}

#[derive(Deserialize, Default)]
struct Container {
    duration: Option<String>,
    bit_rate: Option<String>,
}

#[derive(Deserialize)]
struct Stream {
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    duration: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    tags: Tags,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize, Default)]
struct Tags {
    rotate: Option<String>,
}

#[derive(Deserialize)]
struct SideData {
    rotation: Option<f64>,
}

impl Stream {
    /// Width and height with the quarter turns that players make of it.
    fn upright(&self) -> Option<(u32, u32)> {
        let (width, height) = (self.width?, self.height?);
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            return None;
        }
        // Older versions have it as a tag.
        let turned = self.side_data_list.iter().find_map(|data| data.rotation);
        let turned = turned
            .or_else(|| self.tags.rotate.as_deref()?.parse().ok())
            .unwrap_or(0.0);
        let lies = (turned / 90.0).round().rem_euclid(2.0) == 1.0;
        Some(if lies { (height, width) } else { (width, height) })
    }

    fn codec(&self) -> Option<String> {
        let name = self.codec_name.clone()?;
        (name.len() <= MAX_NAME && name != "unknown" && name != "none").then_some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let arguments = ffprobe_arguments(OsStr::new("/dev/stdin"));
        let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
        assert_eq!(
            words.join(" "),
            "-v error -protocol_whitelist file,pipe -format_whitelist mov,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,m4v,ogg,\
             asf,mxf,ivf,rm,dv,mp3,wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,ape,wv -max_alloc 268435456 -probesize 10000000 \
             -analyzeduration 10000000 -threads 1 -show_entries format=duration,bit_rate:stream=codec_type,codec_name,width,\
             height,duration:stream_disposition=attached_pic:stream_tags=rotate:stream_side_data=rotation \
             -of json=compact=1 -i file:/dev/stdin"
        );
        // A name is never an option or another protocol.
        let last = ffprobe_arguments(OsStr::new("-http://x")).pop();
        assert_eq!(last, Some(OsString::from("file:-http://x")));
    }

    fn facts(answer: &str) -> ClipFacts {
        clip_facts(answer.as_bytes()).expect("facts")
    }

    #[test]
    fn a_clip() {
        let found = facts(
            r#"{"streams": [
                {"codec_name": "mjpeg", "codec_type": "video", "width": 9, "height": 9, "disposition": {"attached_pic": 1}},
                {"codec_name": "aac", "codec_type": "audio", "duration": "7.3"},
                {"codec_name": "h264", "codec_type": "video", "width": 1920, "height": 1080,
                 "side_data_list": [{}, {"rotation": -90}]},
                {"codec_name": "hevc", "codec_type": "video", "width": 1, "height": 1}],
              "format": {"duration": "7.24", "bit_rate": "1453966"}, "programs": []}"#,
        );
        let expected = ClipFacts {
            width: Some(1080),
            height: Some(1920),
            duration: Some(Duration::from_millis(7240)),
            bit_rate: Some(1_453_966),
            audio_codec: Some("aac".into()),
            video_codec: Some("h264".into()),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn turns() {
        for (turn, width) in [
            (r#""tags": {"rotate": "90"}"#, 2),
            (r#""tags": {"rotate": "180"}"#, 4),
            (r#""tags": {"rotate": "x"}"#, 4),
            (r#""side_data_list": [{"rotation": 270}]"#, 2),
            (r#""side_data_list": [{"rotation": -0.0}], "tags": {"rotate": "90"}"#, 4),
        ] {
            let stream = format!(r#"{{"codec_type": "video", "width": 4, "height": 2, {turn}}}"#);
            assert_eq!(
                facts(&format!(r#"{{"streams": [{stream}]}}"#)).width,
                Some(width),
                "{turn}"
            );
        }
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let audio =
            facts(r#"{"streams": [{"codec_type": "audio", "codec_name": "mp3", "duration": "2.5"}], "format": {}}"#);
        let expected = ClipFacts {
            duration: Some(Duration::from_millis(2500)),
            audio_codec: Some("mp3".into()),
            ..ClipFacts::default()
        };
        assert_eq!(audio, expected);
        let odd = facts(
            r#"{"streams": [{"codec_type": "video", "codec_name": "unknown", "width": 0, "height": 70000, "duration": "N/A"}],
                "format": {"duration": "-1", "bit_rate": "0"}}"#,
        );
        assert_eq!(odd, ClipFacts::default());
        let endless = facts(r#"{"streams": [{"codec_type": "video"}], "format": {"duration": "1e300"}}"#);
        assert_eq!(endless.duration, None);
    }

    #[test]
    fn no_answer() {
        let refusal = |answer: &[u8]| clip_facts(answer).expect_err("refused").to_string();
        assert_eq!(refusal(b""), "ffprobe's answer can't be read");
        assert_eq!(refusal(b"{}"), "it holds neither video nor audio");
        assert_eq!(
            refusal(br#"{"streams": [{"codec_type": "subtitle"}]}"#),
            "it holds neither video nor audio"
        );
        assert_eq!(
            refusal(&vec![b' '; MAX_FFPROBE_ANSWER + 1]),
            "ffprobe said more than 1048576 bytes"
        );
    }
}
