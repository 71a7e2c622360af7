//! The section on requests per second.

use std::fmt::Write;

use crate::entry::Role;
use crate::equal_score::fairest_light;
use crate::goals::Goal;
use crate::report::{SCORE_TIE, TIE, bold_if, name_of, page_about_run};
use crate::servers::{OXIMG, TINTYPE, TINTYPE_LINEAR};
use crate::throughput::{Case, Described, Line, Throughput};

/// In Markdown.
pub fn section(throughput: &Throughput, load: &str, quick: bool) -> String {
    let mut page = String::from("## Over HTTP: 2048 px photographs into 512 x 512\n\n");
    page_about_run(&mut page, load, quick);
    let _ = writeln!(
        page,
        "Requests per second on two connections that are kept open, the same format in and out: the shape of the \
         comparison that imgproxy publishes. All servers run beside each other on this machine, and {} interleaved rounds \
         go from one to the next; the client is part of the machine's work too. The median over rounds is shown, ratios \
         within a round with their quartiles. *Processor* is the server's own time for a request on all cores. Bytes are \
         of all photographs, scores their means. **Bold** is where Tintype at its defaults loses to this server.\n",
        throughput.rounds
    );
    let _ = writeln!(
        page,
        "The box is 512 x 512, and the side of it that does not bind grows by one with every pass (512 x 513, 512 x 514 \
         and so on for a wide picture): the same picture by the same work under a new URL, so that no server finds a \
         finished one. {}\n",
        throughput.origin
    );
    for case in &throughput.cases {
        table(&mut page, throughput, case);
    }
    described(&mut page, &throughput.servers);
    page
}

/// Versions and settings.
pub fn described(page: &mut String, servers: &[Described]) {
    for Described { name, about, settings } in servers {
        let _ = writeln!(page, "- **{name}** ({about}): {settings}.");
    }
    page.push('\n');
}

fn table(page: &mut String, throughput: &Throughput, case: &Case) {
    let _ = writeln!(page, "### {}\n", case.name);
    let _ = writeln!(
        page,
        "| server | requests/s | to oximg | Tintype to it | processor, ms | bytes | score, linear | score, gamma |"
    );
    let _ = writeln!(page, "|---|---|---|---|---|---|---|---|");
    let Some(own) = case.nominal(TINTYPE) else { return };
    for line in &case.lines {
        let name = throughput.servers[line.server].name;
        let label = match line.role {
            Role::Nominal => name.to_owned(),
            Role::EqualScore { light, .. } => {
                format!("{name}, q {}: oximg's score in {} light", line.quality, name_of(light))
            }
        };
        let is_peer = line.server >= OXIMG;
        let ratio = own.over(line).median;
        let lost = |score: fn(&Line) -> f64| is_peer && score(line) > score(own) + SCORE_TIE;
        let _ = writeln!(
            page,
            "| {label} | {:.1} | {} | {} | {:.1} | {} | {} | {} |",
            line.requests_a_second(),
            case.nominal(OXIMG).map_or_else(String::new, |oximg| {
                let spread = line.over(oximg);
                format!("{:.2} ({:.2} to {:.2})", spread.median, spread.low, spread.high)
            }),
            if is_peer {
                bold_if(ratio < 1.0 - TIE, format!("{ratio:.2} x"))
            } else {
                String::new()
            },
            line.processor_ms(),
            bold_if(
                is_peer && own.bytes as f64 > line.bytes as f64 * 1.03,
                line.bytes.to_string()
            ),
            bold_if(lost(|line| line.scores.linear), format!("{:.1}", line.scores.linear)),
            bold_if(lost(|line| line.scores.gamma), format!("{:.1}", line.scores.gamma)),
        );
    }
    for (server, reason) in &case.absent {
        let _ = writeln!(
            page,
            "| {} | not run: {reason} | | | | | | |",
            throughput.servers[*server].name
        );
    }
    for (server, light) in &case.out_of_reach {
        let _ = writeln!(
            page,
            "| {} at oximg's score in {} light | **not reached at 100** | | | | | | |",
            throughput.servers[*server].name,
            name_of(*light)
        );
    }
    page.push('\n');
}

/// Ahead of everybody at oximg's score or better?
pub fn goals(throughput: &Throughput) -> Vec<Goal> {
    throughput.cases.iter().map(|case| goal(throughput, case)).collect()
}

fn goal(throughput: &Throughput, case: &Case) -> Goal {
    let fit: Vec<&Line> = case.lines.iter().filter(|line| fits(case, line)).collect();
    let rate = |line: &&&Line| line.requests_a_second();
    let best = fit.iter().max_by(|one, other| rate(one).total_cmp(&rate(other)));
    let peers = || case.lines.iter().filter(|line| line.server >= OXIMG);
    let (reached, met) = match best {
        Some(best) => {
            let over: Vec<_> = peers()
                .map(|peer| {
                    let ratio = best.over(peer).median;
                    (throughput.servers[peer.server].name, ratio)
                })
                .collect();
            let said: Vec<_> = over
                .iter()
                .map(|(name, ratio)| format!("{ratio:.2} x {name}"))
                .collect();
            let setting = format!("{}, q {}", throughput.servers[best.server].name, best.quality);
            (
                format!("{} ({setting})", said.join(", ")),
                over.iter().all(|(_, ratio)| *ratio > 1.0),
            )
        }
        None => ("oximg's score not reached".to_owned(), false),
    };
    Goal {
        work: format!(
            "fit 512 over HTTP, {}",
            case.name.split(',').next().unwrap_or(case.name)
        ),
        against: "oximg, thumbor, ipx".to_owned(),
        aim: "ahead of all at oximg's score or better".to_owned(),
        reached,
        met,
    }
}

/// One of ours that scores no lower than oximg on the reference where oximg stands best against it.
fn fits(case: &Case, line: &Line) -> bool {
    if line.server != TINTYPE && line.server != TINTYPE_LINEAR {
        return false;
    }
    let Some(oximg) = case.nominal(OXIMG) else { return true };
    let light = match line.role {
        Role::EqualScore { light, .. } => light,
        Role::Nominal => fairest_light(&line.scores, &oximg.scores),
    };
    line.scores.against(light) > oximg.scores.against(light) - SCORE_TIE
}
