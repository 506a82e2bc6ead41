//! Settings: an error names the file, and what parses always gives the same models.
#![no_main]

use libfuzzer_sys::fuzz_target;
use snapctl::reducer::Registry;
use snapctl::settings::Settings;

fuzz_target!(|text: &str| {
    let settings = match Settings::parse(text, "s.toml") {
        Ok(settings) => settings,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("s.toml") && said.len() < text.len() + 1000, "{said}");
            return;
        }
    };
    let register =
        |settings: &Settings| settings.register(&mut Registry::built_in()).map_err(|error| error.to_string());
    let registered = register(&settings);
    // A comment is no setting.
    let again = Settings::parse(&format!("{text}\n# a comment"), "s.toml").expect("the same settings");
    assert_eq!(registered, register(&again));
});
