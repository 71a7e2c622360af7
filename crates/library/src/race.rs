//! Running a transaction again after a lost race.

use crate::database::is_retryable;
use crate::error::StoreError;
use crate::jobs::JobError;

/// How often a transaction that lost a race is run again. Each time somebody else has won, so a few are plenty.
const ATTEMPTS: u32 = 8;

/// An error that says whether the transaction may succeed when it is run again.
pub(crate) trait Race {
    /// True if somebody else changed what this transaction had just found.
    fn is_lost(&self) -> bool;
}

impl Race for StoreError {
    fn is_lost(&self) -> bool {
        matches!(self, Self::Database(error) if is_retryable(error))
    }
}

impl Race for JobError {
    fn is_lost(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lost())
    }
}

/// Runs a transaction until it is done or refused.
pub(crate) async fn retried<T, E, F>(mut transaction: impl FnMut() -> F) -> Result<T, E>
where
    E: Race,
    F: Future<Output = Result<T, E>>,
{
    let mut attempt = 1;
    loop {
        match transaction().await {
            Err(error) if attempt < ATTEMPTS && error.is_lost() => {
                tracing::debug!(attempt, "another change was first");
                attempt += 1;
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lost_race_is_run_again_and_not_for_ever() {
        for (lost, expected) in [(0, 1), (3, 4), (7, 8), (u32::MAX, 8)] {
            let mut runs = 0;
            let result: Result<(), StoreError> = retried(|| {
                runs += 1;
                let won = runs > lost;
                async move {
                    if won {
                        Ok(())
                    } else {
                        Err(sqlx::Error::RowNotFound.into())
                    }
                }
            })
            .await;
            assert_eq!((runs, result.is_ok()), (expected, lost < 8), "{lost}");
        }
        let mut runs = 0;
        let refused: Result<(), StoreError> = retried(|| {
            runs += 1;
            async { Err(StoreError::unreadable("x", "refused")) }
        })
        .await;
        assert!(refused.is_err() && runs == 1, "what is refused is not tried again");
    }
}
