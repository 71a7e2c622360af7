//! A library in a temporary directory, files in it, and delivery of them.

use std::path::Path;

use bytes::Bytes;
use delivery::{
    AiSettings, Answer, Body, CacheBudget, Code, Delivery, DeliveryError, OriginSettings, RenderSettings, Request,
    Settings,
};
use futures::TryStreamExt;
use library::{Asset, FileName, FileType, FolderPath, Library, MediaFacts, NewFile, Timestamp};
use tempfile::TempDir;
use transform::{Limits, Mode, OutputSettings};

/// 2024-01-01.
pub const NOW: u64 = 1_704_067_200;
pub const KEY: &str = "contract-demo-key";

pub struct World {
    pub dir: TempDir,
    pub library: Library,
    pub delivery: Delivery,
}

impl World {
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = Library::for_testing(dir.path().join("library")).await;
        let mut settings = settings(dir.path());
        change(&mut settings);
        let delivery = Delivery::open(library.clone(), settings).await.unwrap();
        Self { dir, library, delivery }
    }

    /// Ends delivery in good order and begins again.
    pub async fn restart(&mut self) {
        self.delivery.close().await;
        self.delivery = Delivery::open(self.library.clone(), settings(self.dir.path()))
            .await
            .unwrap();
    }

    pub async fn upload(&self, path: &str, mime: &str, bytes: &[u8]) -> Asset {
        self.upload_with(path, mime, bytes, |_| {}).await
    }

    pub async fn upload_with(&self, path: &str, mime: &str, bytes: &[u8], change: impl FnOnce(&mut NewFile)) -> Asset {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut writer = self.library.stage(1 << 30).await.unwrap();
        writer.write(bytes).await.unwrap();
        let file_type = if mime.starts_with("image/") {
            FileType::Image
        } else {
            FileType::NonImage
        };
        let media = MediaFacts {
            mime: mime.to_owned(),
            file_type,
            ..MediaFacts::default()
        };
        let mut file = NewFile::new(
            FolderPath::sanitised(folder).unwrap(),
            FileName::sanitised(name).unwrap(),
            writer.finish().await.unwrap(),
            media,
        );
        file.use_unique_name = false;
        change(&mut file);
        self.library.upload(file, Timestamp::now()).await.unwrap()
    }

    pub async fn ask(&self, request: Request<'_>) -> Result<Answer, DeliveryError> {
        self.delivery.answer(request).await
    }

    pub async fn get(&self, target: &str) -> Result<Answer, DeliveryError> {
        self.ask(get(target)).await
    }

    pub async fn code(&self, target: &str) -> Option<Code> {
        self.get(target).await.err().map(|error| error.code())
    }
}

pub fn settings(dir: &Path) -> Settings {
    Settings {
        endpoint: "/acct".to_owned(),
        private_key: KEY.to_owned().into(),
        output: OutputSettings::default(),
        limits: Limits::default(),
        mode: Mode::Lenient,
        cache: CacheBudget {
            memory_bytes: 4 << 20,
            disk_bytes: 8 << 20,
            dir: dir.join("cache"),
        },
        render: RenderSettings {
            workers: 2,
            ..RenderSettings::default()
        },
        fonts: engine::Fonts::bundled(),
        ai: AiSettings::new(dir.join("models"), dir.join("derived")),
        origins: OriginSettings::new(dir.join("originals")),
        shared_renditions: None,
        tags: false,
        restrictions: delivery::Restrictions::default(),
        clean_svg: true,
    }
}

pub fn get(target: &str) -> Request<'_> {
    Request {
        target,
        now_unix: NOW,
        ..Request::default()
    }
}

pub async fn bytes(answer: Answer) -> Bytes {
    match answer.body {
        Body::Empty => Bytes::new(),
        Body::Bytes(bytes) => bytes,
        Body::Stream(pieces) => {
            let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
            pieces.concat().into()
        }
    }
}

pub fn header(answer: &Answer, name: &str) -> Option<String> {
    answer
        .headers()
        .into_iter()
        .find(|(field, _)| *field == name)
        .map(|(_, value)| value.into_owned())
}

/// A picture with something in every pixel.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().unwrap();
    let pixels: Vec<u8> = (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| [(x * 5) as u8, (y * 7) as u8, (x * y) as u8]))
        .collect();
    writer.write_image_data(&pixels).unwrap();
    writer.finish().unwrap();
    file
}

/// An animation of two frames, one colour each.
pub fn gif(width: u16, height: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = gif::Encoder::new(&mut file, width, height, &[255, 0, 0, 0, 0, 255]).unwrap();
    for color in 0..2 {
        let pixels = vec![color; usize::from(width) * usize::from(height)];
        encoder
            .write_frame(&gif::Frame::from_indexed_pixels(width, height, pixels, None))
            .unwrap();
    }
    drop(encoder);
    file
}
