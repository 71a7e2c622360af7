//! `orig`: stored bytes, untouched.

use super::{Param, Refusal, boolean};
use crate::Mode;

pub(super) fn original(value: &str, _: Mode) -> Result<Param, Refusal> {
    boolean(value).map(Param::Original)
}
