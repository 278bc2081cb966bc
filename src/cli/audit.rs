//! `sluice audit`: what the record of calls adds up to.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::{Failed, terminal};
use crate::audit::{Key, Strays, Summary, Unfinished};

/// Read the record of upstream calls.
///
/// It is written with `[audit] file = …`: one line before a call is sent, one after it has ended.
#[derive(Debug, clap::Args)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Summary(Show),
}

/// Add up calls by day, tenant, app and outcome.
///
/// A call may have its two lines in different files: give the rotated ones too, in any order. Lines of a log between
/// them are passed over and counted. Files of any size are read in little memory.
///
/// Exit codes: 0 done, 1 where a file cannot be read or there is no record in any, 2 wrong usage.
#[derive(Debug, clap::Args)]
struct Show {
    /// Files to add up; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Where days begin: a zone such as Asia/Shanghai
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    zone: TimeZone,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

/// Calls without an end that are listed one by one.
const LISTED: usize = 20;

impl Audit {
    pub(super) fn run(self) -> Result<(), Failed> {
        let Command::Summary(show) = self.command;
        show.run()
    }
}

impl Show {
    fn run(self) -> Result<(), Failed> {
        let mut summary = Summary::new(self.zone.clone());
        let mut ended = Ok(());
        for path in &self.files {
            let name = path.display().to_string();
            if let Err(error) = open(path).and_then(|input| summary.read(&name, input)) {
                terminal::complain(format_args!("cannot read {name}: {error}"));
                ended = Err(Failed::Failure);
            }
        }
        if summary.records() == 0 {
            if ended.is_ok() {
                terminal::complain("there is no record of a call in what was read; is it what [audit] file names?");
            }
            return Err(Failed::Failure);
        }
        if self.json {
            terminal::say(format_args!("{:#}", summary.to_json()));
        } else {
            terminal::say(page(&summary, self.zone.iana_name().unwrap_or("UTC")).trim_end());
        }
        ended
    }
}

fn open(path: &PathBuf) -> io::Result<Box<dyn BufRead>> {
    if path.as_os_str() == "-" {
        Ok(Box::new(io::stdin().lock()))
    } else {
        Ok(Box::new(BufReader::new(File::open(path)?)))
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "no such time zone; write for example Asia/Shanghai".to_owned())
}

fn page(summary: &Summary, zone: &str) -> String {
    let mut page = String::new();
    table(&mut page, summary, zone);
    remarks(&mut page, summary);
    page
}

fn table(page: &mut String, summary: &Summary, zone: &str) {
    line(page, format_args!("Calls to the upstream, by days in {zone}"));
    page.push('\n');
    row(page, "day", "tenant, app", "outcome", "calls");
    let (mut day, mut tenant, mut app) = (None, None, None);
    for (key, calls) in &summary.rows() {
        let Key { day: its_day, tenant: its_tenant, app_id, outcome } = key;
        let new_day = day.replace(its_day) != Some(its_day);
        if tenant.replace(its_tenant) != Some(its_tenant) || new_day {
            app = None;
            let its_day = if new_day { its_day.to_string() } else { String::new() };
            row(page, &its_day, its_tenant, "", "");
        }
        let named = if app.replace(app_id) == Some(app_id) { String::new() } else { format!("  {app_id}") };
        row(page, "", &named, outcome, &calls.to_string());
    }
    row(page, "all", "", "", &summary.calls().to_string());
}

/// Four columns in 78 characters; what is too long for its own takes a line of its own.
fn row(page: &mut String, day: &str, name: &str, outcome: &str, calls: &str) {
    const NAME: usize = 40;
    let name = if name.chars().count() > NAME && !outcome.is_empty() {
        line(page, format_args!("{day:<12}{name}"));
        ""
    } else {
        name
    };
    line(page, format_args!("{day:<12}{name:<NAME$} {outcome:<14}{calls:>9}"));
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    let text = text.to_string();
    writeln!(page, "{}", text.trim_end()).expect("writing to a string does not fail");
}

/// What a sum does not say.
fn remarks(page: &mut String, summary: &Summary) {
    let (unknown, unfinished) = (summary.unknown(), summary.unfinished());
    page.push('\n');
    let uncertain = unknown + unfinished.len() as u64;
    let certain = summary.calls() - uncertain;
    line(page, format_args!("{certain} of {} arrived for certain.", counted(summary.calls(), "call")));
    if unknown > 0 {
        line(page, format_args!("{} ended without an answer that would tell.", counted(unknown, "call")));
    }
    let not_sent: Vec<_> = summary.not_sent().iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    if !not_sent.is_empty() {
        line(page, format_args!("Not sent, and not counted above: {}.", not_sent.join(", ")));
    }
    if !unfinished.is_empty() {
        let count = counted(unfinished.len() as u64, "call");
        line(page, format_args!("{count} did not end: under way now, or when the process was killed."));
        for Unfinished { id, begun } in unfinished.iter().take(LISTED) {
            line(page, format_args!("  {:.0} {id} {}", begun.at, begun.tenant));
        }
        if unfinished.len() > LISTED {
            line(page, format_args!("  and {} more (--json lists all)", unfinished.len() - LISTED));
        }
    }
    if summary.strange_ends() > 0 {
        let count = counted(summary.strange_ends() as u64, "call");
        line(page, format_args!("The ends of {count} that began in a file that was not given are left out."));
    }
    strays(page, "torn", summary.torn());
    strays(page, "other", summary.others());
}

fn strays(page: &mut String, kind: &str, strays: &Strays) {
    if strays.count == 0 {
        return;
    }
    line(page, format_args!("{} passed over:", counted(strays.count, &format!("{kind} line"))));
    let mut file = None;
    for place in &strays.first {
        if file.replace(&place.file) == Some(&place.file) {
            continue;
        }
        let lines: Vec<_> = strays.first.iter().filter(|other| other.file == place.file).collect();
        let numbers: Vec<_> = lines.iter().map(|place| place.line.to_string()).collect();
        line(page, format_args!("  {}: {}", place.file, numbers.join(", ")));
    }
    if strays.count > strays.first.len() as u64 {
        line(page, format_args!("  and {} more", strays.count - strays.first.len() as u64));
    }
}

fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
