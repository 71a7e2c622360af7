//! The engine by its public face: files in, files out. One program, since linking the codecs takes longer than any test.

#![recursion_limit = "256"]

mod animations;
mod corpus;
mod files;
mod formats;
mod hostile;
mod metadata;
mod models;
mod mutations;
#[path = "../onnx/mod.rs"]
mod onnx;
mod orientation;
mod pictures;
mod planes;
mod sample;
