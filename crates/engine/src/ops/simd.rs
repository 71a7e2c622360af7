//! Plain loops, compiled a second time for wider registers.
#![allow(unsafe_code)]

/// Work whose loops are worth wider registers than those that every processor of the architecture has. All that `run`
/// calls must be `#[inline(always)]` to be compiled for them too.
pub(crate) trait Kernel {
    /// Does it.
    fn run(self);
}

/// Runs the work with AVX2 where the processor has it. Fused multiplications are left out on purpose: results are the
/// same to the last bit on every machine.
pub(crate) fn wide(work: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn avx2(work: impl Kernel) {
            work.run();
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was just asked.
            unsafe { avx2(work) };
            return;
        }
    }
    work.run();
}
