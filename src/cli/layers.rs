//! Where settings come from: the command line before the environment before the file before
//! defaults.
//!
//! The file, and the variables that installations of open-balena-delta have, become the defaults of
//! the command line's options. So one table of options says what there is, what it may be, and where
//! it was from.

use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, FromArgMatches};
use remora::small_file::read_small_text;
use toml::{Table, Value};

use crate::cli::failure::Failure;
use crate::cli::usage;

/// Bytes of a configuration file, at most.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Options that are about the settings instead of being one.
const NOT_SETTINGS: [&str; 4] = ["config", "print-config", "help", "help-all"];

/// What a server's settings are, beside its options.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layering {
    /// The command.
    pub(super) command: &'static str,
    /// Options that are never printed.
    pub(super) secrets: &'static [&'static str],
    /// Variables of what the server takes the place of, and the options that they are for.
    pub(super) existing: &'static [(&'static str, &'static str)],
    /// Those among them that say something if they are empty.
    pub(super) may_be_empty: &'static [&'static str],
}

/// A value for an option that nobody gave on the command line.
struct Given {
    option: String,
    values: Vec<String>,
    from: String,
}

/// An option and the values that it has if nobody gave any.
pub(super) type Derived = (&'static str, Vec<String>);

/// The settings, and where each is from.
pub(super) struct Layered<T> {
    pub(super) settings: T,
    layering: Layering,
    definition: fn() -> Command,
    matches: ArgMatches,
    given: Vec<Given>,
}

impl<T: FromArgMatches> Layered<T> {
    /// The settings that the command line `definition`, the environment and the file `config` make
    /// together. `derived` returns the defaults that follow from other settings.
    pub(super) fn read(
        layering: Layering,
        config: Option<&Path>,
        definition: fn() -> Command,
        derived: fn(&T) -> Vec<Derived>,
    ) -> Result<Self, Failure> {
        let mut given = match config {
            Some(path) => layering.read_file(path, &definition())?,
            None => Vec::new(),
        };
        given.extend(layering.existing_variables(|name| std::env::var(name).ok()));
        let layered = Self::parse(layering, definition, given)?;
        // What other settings decide comes last: it must not be given.
        let derived = derived(&layered.settings);
        let mut given: Vec<Given> = derived
            .into_iter()
            .map(|(option, values)| Given {
                option: option.to_owned(),
                values,
                from: "default".into(),
            })
            .collect();
        given.extend(layered.given);
        Self::parse(layering, definition, given)
    }

    fn parse(
        layering: Layering,
        definition: fn() -> Command,
        given: Vec<Given>,
    ) -> Result<Self, Failure> {
        let mut command = layering.with_defaults(definition(), &given);
        let matches = command.try_get_matches_from_mut(std::env::args_os());
        let matches = matches.map_err(|error| usage::failure(&error))?;
        let (_, matches) = matches.subcommand().ok_or_else(|| Failure::usage("no command", ""))?;
        let settings = T::from_arg_matches(matches);
        let settings = settings.map_err(|error| usage::failure(&error))?;
        let matches = matches.clone();
        Ok(Layered { settings, layering, definition, matches, given })
    }

    /// All settings as a configuration file.
    pub(super) fn to_toml(&self) -> String {
        // Options that got another default are not where they were among the others.
        let arguments = (self.definition)();
        let options =
            self.layering.of(&arguments).get_arguments().filter(|option| is_setting(option));
        options.map(|option| self.line(option)).collect()
    }

    /// An option as a line of the file, under one that says where it is from.
    fn line(&self, option: &Arg) -> String {
        let name = option.get_long().unwrap_or_default();
        let id = option.get_id().as_str();
        let Some(values) = self.matches.get_raw(id).map(Iterator::collect::<Vec<_>>) else {
            return format!("# not set\n# {name} =\n\n");
        };
        let values = values.iter().map(|value| value.to_string_lossy());
        let values: Vec<Value> = match self.layering.secrets.contains(&name) {
            true => vec![Value::from("(secret)")],
            false => values.map(|value| to_toml(&value)).collect(),
        };
        let value = match (option.get_value_delimiter(), values.as_slice()) {
            (None, [only]) => only.clone(),
            _ => Value::Array(values),
        };
        format!("# {}\n{name} = {value}\n\n", self.origin(option, name))
    }

    fn origin(&self, option: &Arg, name: &str) -> String {
        match self.matches.value_source(option.get_id().as_str()) {
            Some(ValueSource::CommandLine) => format!("--{name}"),
            Some(ValueSource::EnvVariable) => {
                option.get_env().unwrap_or_default().to_string_lossy().into_owned()
            }
            _ => {
                let given = self.given.iter().rev().find(|given| given.option == name);
                given.map_or_else(|| "default".to_owned(), |given| given.from.clone())
            }
        }
    }
}

impl Layering {
    /// The command line with other defaults; of several for one option the last counts.
    fn with_defaults(self, arguments: Command, given: &[Given]) -> Command {
        arguments.mut_subcommand(self.command, |serve| {
            given.iter().fold(serve, |serve, given| {
                // Options live as long as the process, and so do their defaults.
                let values: Vec<&'static str> =
                    given.values.iter().map(|value| &*value.clone().leak()).collect();
                serve
                    .mut_arg(given.option.replace('-', "_"), |option| option.default_values(values))
            })
        })
    }

    fn existing_variables(self, variable: impl Fn(&str) -> Option<String>) -> Vec<Given> {
        let given = self.existing.iter().filter_map(|(name, option)| {
            let says = |value: &String| !value.is_empty() || self.may_be_empty.contains(name);
            let value = variable(name).filter(says)?;
            Some(Given {
                option: (*option).to_owned(),
                values: vec![value],
                from: (*name).to_owned(),
            })
        });
        given.collect()
    }

    fn read_file(self, path: &Path, arguments: &Command) -> Result<Vec<Given>, Failure> {
        let text = read_small_text(path, MAX_FILE_BYTES)
            .map_err(|error| Failure::io(format!("cannot read {}", path.display()), &error))?;
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let what = format!("{}: {}", path.display(), error.message());
            let hint = format!("write name = value, with the names that {} shows", self.help());
            Failure::usage(what, &hint)
        })?;
        self.given_by(table, &path.display().to_string(), arguments)
    }

    /// What the file `from` says.
    fn given_by(
        self,
        table: Table,
        from: &str,
        arguments: &Command,
    ) -> Result<Vec<Given>, Failure> {
        let known: Vec<&str> = self
            .of(arguments)
            .get_arguments()
            .filter(|it| is_setting(it))
            .filter_map(Arg::get_long)
            .collect();
        let given = table.into_iter().map(|(name, value)| {
            let option = name.replace('_', "-");
            if !known.contains(&option.as_str()) {
                let what = format!("{from}: there is no setting {name}");
                return Err(Failure::usage(what, format!("see {} for what there is", self.help())));
            }
            let values = match value {
                Value::Array(values) => values.into_iter().map(plain).collect(),
                value => plain(value).map(|value| vec![value]),
            };
            let values = values.ok_or_else(|| {
                let what =
                    format!("{from}: {name} is neither a text, a number nor a list of those");
                Failure::usage(what, "write it as it would stand on the command line")
            })?;
            Ok(Given { option, values, from: from.to_owned() })
        });
        given.collect()
    }

    /// Where all options are shown.
    fn help(self) -> String {
        format!("remora {} --help-all", self.command)
    }

    fn of(self, arguments: &Command) -> &Command {
        arguments.find_subcommand(self.command).expect("it is a command")
    }
}

/// A value as it would stand on the command line.
fn plain(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// The value that [`plain`] makes `text` of.
fn to_toml(text: &str) -> Value {
    let number = || text.parse().ok().filter(|number: &i64| number.to_string() == text);
    match text {
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        text => number().map_or_else(|| Value::from(text), Value::Integer),
    }
}

fn is_setting(option: &Arg) -> bool {
    option.get_long().is_some_and(|name| !NOT_SETTINGS.contains(&name)) && !option.is_global_set()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::arguments::Arguments;
    use crate::cli::builder::LAYERING as BUILDER;
    use crate::cli::serve::LAYERING as SERVE;

    fn matches(given: &[Given], line: &str) -> ArgMatches {
        let command = SERVE.with_defaults(Arguments::command(), given);
        let matches = command.try_get_matches_from(line.split(' ')).expect(line);
        matches.subcommand().expect("serve").1.clone()
    }

    fn raw(matches: &ArgMatches, id: &str) -> Vec<String> {
        let values = matches.get_raw(id).expect(id);
        values.map(|value| value.to_string_lossy().into_owned()).collect()
    }

    fn file(text: &str) -> Result<Vec<Given>, Failure> {
        SERVE.given_by(text.parse().expect("TOML"), "a file", &Arguments::command())
    }

    #[test]
    fn the_command_line_comes_before_existing_variables_before_the_file() {
        let text = "registry = 'file'\ntld = 'file'\nmax_builds = 3\nplain-http = true\n\
                    token-keys = ['/a', '/b']\nworth-ratio = 0.5";
        let mut given = file(text).expect("settings");
        let variable = |name: &str| (name == "REGISTRY_HOST").then(|| "variable".to_owned());
        given.extend(SERVE.existing_variables(variable));
        let matches = matches(&given, "remora serve --max-builds 4");
        assert_eq!(raw(&matches, "registry"), ["variable"]);
        assert_eq!(raw(&matches, "tld"), ["file"]);
        assert_eq!(raw(&matches, "max_builds"), ["4"]);
        assert_eq!(raw(&matches, "token_keys"), ["/a", "/b"]);
        assert_eq!(raw(&matches, "worth_ratio"), ["0.5"]);
        assert!(matches.get_flag("plain_http"));
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for (text, reason) in [
            ("colour = 'red'", "there is no setting colour"),
            ("config = 'x'", "there is no setting config"),
            ("verbose = 1", "there is no setting verbose"),
            ("tld = 1979-05-27", "tld is neither"),
            ("token-keys = [['a']]", "token-keys is neither"),
        ] {
            let failure = file(text).err().expect("refused").render(false);
            assert!(failure.contains(reason), "{failure}");
        }
    }

    #[test]
    fn secrets_are_settings_that_are_masked() {
        let arguments = Arguments::command();
        for layering in [SERVE, BUILDER] {
            let options: Vec<&Arg> = layering.of(&arguments).get_arguments().collect();
            for secret in layering.secrets {
                let option = options.iter().find(|option| option.get_long() == Some(secret));
                assert!(option.is_some_and(|option| option.is_hide_env_values_set()), "{secret}");
            }
            let hidden = options.iter().filter(|option| option.is_hide_env_values_set());
            assert_eq!(hidden.count(), layering.secrets.len());
        }
    }
}
