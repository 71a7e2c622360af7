//! The page in `docs/`: ratios first, bytes and scores beside them, what is lost as plainly as what is won.

use std::fmt::Write;

use contender::OutputFormat;
use time::OffsetDateTime;

use crate::compare::{Compared, Comparison, Described};
use crate::contenders::{SHARP, TINTYPE};
use crate::entry::{Entry, Role, Round};
use crate::equal_score::fairest_light;
use crate::goals::Goal;
use crate::judge::Light;
use crate::statistics::Spread;

/// Below this, two times are called equal: what the machine's noise can do.
pub const TIE: f64 = 0.05;

/// Below this, two SSIMULACRA2 scores are called equal.
pub const SCORE_TIE: f64 = 0.5;

/// The sections on the engine, in Markdown.
pub fn engine(comparison: &Comparison, quick: bool) -> String {
    let mut page = String::new();
    introduction(&mut page, comparison, quick);
    verdicts(&mut page, comparison);
    how_to_read(&mut page);
    for compared in &comparison.cases {
        case_tables(&mut page, comparison, compared);
    }
    times(&mut page, comparison);
    page
}

/// How the engine was compared, and how to repeat it all: the end of the page.
pub fn end(comparison: &Comparison, machine: &[(&'static str, String)], load_after: &str) -> String {
    let mut page = String::new();
    method(&mut page, comparison, machine, load_after);
    page
}

/// When a part was measured, and what else the machine did. Parts can be repeated alone.
pub fn page_about_run(page: &mut String, load_before: &str, quick: bool) {
    let _ = writeln!(
        page,
        "Measured on {}, load average before {load_before}, after {}.{}\n",
        OffsetDateTime::now_utc().date(),
        crate::machine::load_average(),
        if quick {
            " **A quick run**: good for a look, not for a claim."
        } else {
            ""
        }
    );
}

// Writing into a String cannot fail, so that results of `writeln!` are dropped throughout.

fn introduction(page: &mut String, comparison: &Comparison, quick: bool) {
    let today = OffsetDateTime::now_utc().date();
    let _ = writeln!(page, "# Benchmarks\n");
    let _ = writeln!(
        page,
        "Tintype's engine beside sharp and oximg: the same inputs, one interleaved run of {} rounds, {today}. \
         Written by `make bench`; to repeat it, see the end.\n",
        comparison.rounds
    );
    if quick {
        let _ = writeln!(
            page,
            "**A quick run**: one source a case and few rounds. Good for a look, not for a claim.\n"
        );
    }
    let _ = writeln!(page, "{}\n", comparison.origin);
}

/// One line a case and peer.
fn verdicts(page: &mut String, comparison: &Comparison) {
    let _ = writeln!(page, "## In short\n");
    let _ = writeln!(
        page,
        "Tintype (defaults) against each peer (its defaults): speed at the same nominal settings, one job at a time and \
         two at a time, and by processor time of one job (which other work on the machine disturbs least), above 1 is \
         faster; bytes; and SSIMULACRA2 on the reference in linear and in gamma light. \
         **Bold** is where Tintype loses: by more than {:.0} % of time, more than 3 % of bytes, or more than \
         {SCORE_TIE} points.\n",
        TIE * 100.0
    );
    let _ = writeln!(
        page,
        "| case | peer | one job | two jobs | processor | bytes | score, linear | score, gamma |"
    );
    let _ = writeln!(page, "|---|---|---|---|---|---|---|---|");
    for compared in &comparison.cases {
        let Some(own) = nominal(compared, TINTYPE) else {
            continue;
        };
        for peer in compared
            .entries
            .iter()
            .filter(|entry| is_peer_at_defaults(comparison, entry))
        {
            let faster = |number: fn(&Round) -> f64| own.speed_over(peer, number).median;
            let bytes = own.quality.bytes as f64 / peer.quality.bytes as f64 - 1.0;
            let score = |light| own.quality.scores.against(light) - peer.quality.scores.against(light);
            let _ = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} | {} | {} |",
                compared.case.name,
                comparison.contenders[peer.contender].name,
                times_as_fast(faster(single)),
                times_as_fast(faster(paired)),
                times_as_fast(faster(processor)),
                bold_if(bytes > 0.03, format!("{:+.1} %", bytes * 100.0)),
                bold_if(
                    score(Light::Linear) < -SCORE_TIE,
                    format!("{:+.1}", score(Light::Linear))
                ),
                bold_if(score(Light::Gamma) < -SCORE_TIE, format!("{:+.1}", score(Light::Gamma))),
            );
        }
    }
    let _ = writeln!(page);
    equal_scores(page, comparison);
}

fn equal_scores(page: &mut String, comparison: &Comparison) {
    let _ = writeln!(page, "## At equal score\n");
    let _ = writeln!(
        page,
        "The same \"quality\" number means different things in different encoders. Here Tintype was given the lowest \
         quality at which it scores no lower than the peer, on that of the two references where the peer stands best \
         against it. Time and bytes are then like for like; above 1 is faster, below 0 % is smaller.\n"
    );
    let _ = writeln!(
        page,
        "| case | peer and its score | ours | quality | score | one job | two jobs | processor | bytes |"
    );
    let _ = writeln!(page, "|---|---|---|---|---|---|---|---|---|");
    for compared in &comparison.cases {
        for own in &compared.entries {
            let Role::EqualScore { peer, light } = own.role else {
                continue;
            };
            let Some(theirs) = nominal(compared, peer) else {
                continue;
            };
            let faster = |number: fn(&Round) -> f64| own.speed_over(theirs, number).median;
            let bytes = own.quality.bytes as f64 / theirs.quality.bytes as f64 - 1.0;
            let _ = writeln!(
                page,
                "| {} | {}, {:.1} ({}) | {} | {} | {:.1} | {} | {} | {} | {} |",
                compared.case.name,
                comparison.contenders[peer].name,
                theirs.quality.scores.against(light),
                name_of(light),
                comparison.contenders[own.contender].name,
                own.task.quality,
                own.quality.scores.against(light),
                times_as_fast(faster(single)),
                times_as_fast(faster(paired)),
                times_as_fast(faster(processor)),
                bold_if(bytes > 0.03, format!("{:+.1} %", bytes * 100.0)),
            );
        }
        for missed in &compared.out_of_reach {
            let Some(theirs) = nominal(compared, missed.peer) else {
                continue;
            };
            let _ = writeln!(
                page,
                "| {} | {}, {:.1} ({}) | {} | **not reached at 100** | | | | | |",
                compared.case.name,
                comparison.contenders[missed.peer].name,
                theirs.quality.scores.against(missed.light),
                name_of(missed.light),
                comparison.contenders[missed.contender].name,
            );
        }
    }
    let _ = writeln!(
        page,
        "\nPNG is lossless and has no such search: there the score is that of the scaling alone.\n"
    );
}

fn how_to_read(page: &mut String) {
    let _ = writeln!(
        page,
        "## Each case\n\n\
         Speed is relative to sharp = 1, above 1 is faster: the median over rounds of the ratio within a round, and the \
         quartiles in brackets. *Processor* is the processor time of one job on all cores together, likewise to sharp: \
         where it lags behind *one job*, the contender used a second core. Bytes are of all results of the case, scores \
         are means over its sources.\n"
    );
}

fn case_tables(page: &mut String, comparison: &Comparison, compared: &Compared) {
    let _ = writeln!(page, "### {}\n", compared.case.name);
    let Some(sharp) = nominal(compared, SHARP) else { return };
    let _ = writeln!(
        page,
        "| contender | one job | two jobs | processor | bytes | to sharp | score, linear | score, gamma |"
    );
    let _ = writeln!(page, "|---|---|---|---|---|---|---|---|");
    for entry in compared.entries.iter().filter(|entry| entry.role == Role::Nominal) {
        let quality = if entry.task.quality == compared.case.task.quality {
            String::new()
        } else {
            format!(" (q {})", entry.task.quality)
        };
        let _ = writeln!(
            page,
            "| {}{quality} | {} | {} | {:.2} | {} | {:+.1} % | {:.1} | {:.1} |",
            comparison.contenders[entry.contender].name,
            with_quartiles(entry.speed_over(sharp, single)),
            with_quartiles(entry.speed_over(sharp, paired)),
            entry.speed_over(sharp, processor).median,
            entry.quality.bytes,
            (entry.quality.bytes as f64 / sharp.quality.bytes as f64 - 1.0) * 100.0,
            entry.quality.scores.linear,
            entry.quality.scores.gamma,
        );
    }
    for absent in &compared.absent {
        let _ = writeln!(
            page,
            "| {} | not run: {} | | | | | | |",
            comparison.contenders[absent.contender].name,
            absent.reason.lines().next().unwrap_or_default()
        );
    }
    let _ = writeln!(page);
}

fn times(page: &mut String, comparison: &Comparison) {
    let _ = writeln!(
        page,
        "## Times\n\nMilliseconds a picture, on the machine named below and nowhere else: one job at a time / two at a \
         time.\n"
    );
    let names: Vec<_> = comparison.contenders.iter().map(|contender| contender.name).collect();
    let _ = writeln!(page, "| case | {} |", names.join(" | "));
    let _ = writeln!(page, "|---|{}", "---|".repeat(names.len()));
    for compared in &comparison.cases {
        let pictures = compared.case.sources.len() as f64;
        let cells: Vec<_> = (0..names.len())
            .map(|contender| {
                nominal(compared, contender).map_or_else(String::new, |entry| {
                    format!(
                        "{:.1} / {:.1}",
                        entry.median(single) / pictures,
                        entry.median(paired) / pictures
                    )
                })
            })
            .collect();
        let _ = writeln!(page, "| {} | {} |", compared.case.name, cells.join(" | "));
    }
    let _ = writeln!(page);
}

fn method(page: &mut String, comparison: &Comparison, machine: &[(&'static str, String)], load_after: &str) {
    let _ = writeln!(page, "## Machine\n");
    for (what, value) in machine {
        let _ = writeln!(page, "- {what}: {value}");
    }
    let _ = writeln!(page, "- Load average after the run: {load_after}");
    let _ = writeln!(page, "- Priority of the run: {}\n", crate::machine::priority());
    let _ = writeln!(page, "## Contenders and settings\n");
    for Described {
        name, about, settings, ..
    } in &comparison.contenders
    {
        let _ = writeln!(page, "- **{name}** ({about}): {settings}.");
    }
    page.push_str(METHOD);
}

const METHOD: &str = "
JPEG is 4:2:0 everywhere. Qualities are the numbers in the headings, unless a line says otherwise; PNG keeps every
colour. All turn pictures upright by their EXIF tag and never enlarge.

## Method

Each contender is a long-lived process with its inputs in memory. It gets a line that names a task, times itself from
source bytes to output bytes, and answers; no files, no HTTP and no process start are inside the times. oximg takes part
by its library, so that its HTTP server costs it nothing; it is built with the link-time optimisation that its own
server is built with. Tintype's time holds the look at the header, the parsing of the transformation and the planning
too.

The driver goes round robin: for each source everybody does one job, then four jobs on two threads, and who begins moves
on by one each round. The first round is dropped. Ratios are taken within a round, and their median is shown, so that a
machine that slows down for a while slows everybody down.

Scores are SSIMULACRA2 (crate `ssimulacra2`) against two reductions of the lossless original that the harness makes
itself in floats, Lanczos-3, one in linear light and one in gamma light: a resizer that works in one of them is favoured
by that reference, so both are shown. For camera JPEGs the full-size decode is the original. All results are decoded by
one decoder (sharp). Pictures with alpha are judged on black and on white, and the lower score counts.

Animations: ten frames of each are compared, evenly spread, with reductions of the GIF's own frames; where frames were
joined, with the one that is shown at the same time.

Lossy 2048 px sources are made of lossless ones by sharp, at JPEG 92, WebP 90 and AVIF 80, 4:2:0.

## Repeat it

```sh
make bench                                    # everything, on synthetic pictures
TINTYPE_CORPUS=/path/to/pictures make bench   # photos/*.jpg, clic/*.png and animated/*.gif there
bench/run --quick                             # a look, in a few minutes
bench/run http                                # one part again: engine, memory, http or srcset; the rest of the page stays
bench/run --only GIF engine                   # cases of the engine with this in their names, printed
```

`bench/run` fetches sharp and ipx by `npm ci`, thumbor by pip, and builds oximg's library and server from crates.io, all
into `bench/.cache` and `bench/peers`. oximg writes AVIF only where SVT-AV1 4.1 or later and dav1d 1.3 or later are found
by pkg-config; without them its AVIF lines say so.
";

/// What was aimed at with the engine alone. At equal score, or as they are where the result is lossless.
pub fn goals(comparison: &Comparison) -> Vec<Goal> {
    const AIMS: [(&str, &str, f64); 7] = [
        ("12 MP JPEG to 500 px JPEG", "12 MP JPEG to 500 px JPEG, q 80", 1.6),
        ("12 MP JPEG to 500 px WebP", "12 MP JPEG to 500 px WebP, q 75", 1.5),
        ("2 MP JPEG to 1200 px JPEG", "2 MP JPEG to 1200 px JPEG, q 80", 1.6),
        ("PNG with alpha to PNG", "PNG with alpha to 800 px PNG", 1.6),
        ("PNG with alpha to WebP", "PNG with alpha to 800 px WebP, q 75", 1.4),
        ("GIF to animated WebP", "GIF to animated 320 px WebP, q 75", 2.2),
        ("12 MP JPEG to 500 px AVIF", "12 MP JPEG to 500 px AVIF, q 65", 1.5),
    ];
    let mut goals = Vec::new();
    for (work, name, aim) in AIMS {
        let Some(compared) = comparison.cases.iter().find(|compared| compared.case.name == name) else {
            continue;
        };
        let Some(theirs) = nominal(compared, SHARP) else {
            continue;
        };
        let score = |entry: &Entry, light| entry.quality.scores.against(light);
        // Lossless results have one quality. Animations are held to theirs too, where it scores no lower: sharp's leave
        // blocks behind, and our lowest quality that scores like them is nothing that anybody would ask for.
        let as_it_is = compared.case.task.format == OutputFormat::Png || work.starts_with("GIF");
        let own = compared.entries.iter().find(|entry| {
            let fits = match entry.role {
                Role::Nominal => {
                    let light = fairest_light(&entry.quality.scores, &theirs.quality.scores);
                    as_it_is && score(entry, light) > score(theirs, light) - SCORE_TIE
                }
                Role::EqualScore { peer, .. } => peer == SHARP,
            };
            entry.contender == TINTYPE && fits
        });
        let (reached, met) = match own {
            Some(own) => {
                let at_once = own.speed_over(theirs, paired).median;
                let bytes = own.quality.bytes as f64 / theirs.quality.bytes as f64 - 1.0;
                let better = |light| score(own, light) - score(theirs, light);
                let text = format!(
                    "{at_once:.2} x two jobs at once, {:.2} x one job; {:+.1} % bytes, score {:+.1} linear, {:+.1} gamma, \
                     q {}",
                    own.speed_over(theirs, single).median,
                    bytes * 100.0,
                    better(Light::Linear),
                    better(Light::Gamma),
                    own.task.quality
                );
                (text, at_once >= aim)
            }
            None => ("sharp's score not reached".to_owned(), false),
        };
        goals.push(Goal {
            work: work.to_owned(),
            against: "sharp".to_owned(),
            aim: format!("≥ {aim} x"),
            reached,
            met,
        });
    }
    goals
}

fn nominal(compared: &Compared, contender: usize) -> Option<&Entry> {
    compared
        .entries
        .iter()
        .find(|entry| entry.contender == contender && entry.role == Role::Nominal)
}

fn is_peer_at_defaults(comparison: &Comparison, entry: &Entry) -> bool {
    entry.role == Role::Nominal && entry.contender != TINTYPE && !comparison.contenders[entry.contender].variant
}

fn single(round: &Round) -> f64 {
    round.single_ms
}

fn paired(round: &Round) -> f64 {
    round.paired_ms
}

fn processor(round: &Round) -> f64 {
    round.single_cpu_ms
}

fn times_as_fast(ratio: f64) -> String {
    bold_if(ratio < 1.0 - TIE, format!("{ratio:.2} x"))
}

fn with_quartiles(spread: Spread) -> String {
    format!("{:.2} ({:.2} to {:.2})", spread.median, spread.low, spread.high)
}

/// Bold where Tintype loses.
pub fn bold_if(lost: bool, text: String) -> String {
    if lost { format!("**{text}**") } else { text }
}

/// In a table's words.
pub fn name_of(light: Light) -> &'static str {
    match light {
        Light::Linear => "linear",
        Light::Gamma => "gamma",
    }
}
