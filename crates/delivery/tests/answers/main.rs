//! Whole requests against a real library, a real cache and the real engine.

mod access;
mod ai;
mod files;
#[path = "../../../engine/tests/onnx/mod.rs"]
mod onnx;
mod renditions;
mod service;
mod world;
