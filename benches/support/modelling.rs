//! Generated logs of a document model.

use std::fmt::Write as _;

use super::Log;

/// The scopes of a new document model.
pub(super) const INITIAL: &str = r#""global":{"id":"","name":"","extension":"","description":"","author":{"name":"","website":""},"specifications":[{"version":1,"changeLog":[],"state":{"global":{"schema":"","initialValue":"","examples":[]},"local":{"schema":"","initialValue":"","examples":[]}},"modules":[]}]},"local":{}"#;

/// Every how many operations a version is released.
const RELEASE: usize = 1000;

/// What a log has made so far, by id.
#[derive(Default)]
pub(super) struct Model {
    modules: Vec<String>,
    operations: Vec<String>,
    errors: Vec<String>,
    examples: Vec<String>,
}

impl Model {
    /// Adds something, or changes something that is there, in the proportions of a model that is being written.
    pub(super) fn write(&mut self, log: &mut Log) {
        let n = log.rows.len();
        if self.modules.is_empty() {
            return self.add_module(log);
        }
        if n % RELEASE == RELEASE - 1 {
            return log.push("RELEASE_NEW_VERSION", "{}");
        }
        match log.random.below(40) {
            0..=1 => self.add_module(log),
            2..=8 => self.add_operation(log),
            9..=11 => self.add_error(log),
            12..=14 => self.add_example(log),
            15..=18 => self.set(log, "SCHEMA", "schema", 12),
            19..=24 => self.set(log, "REDUCER", "reducer", 20),
            25..=26 => self.set(log, "DESCRIPTION", "description", 2),
            27..=28 => self.rename(log),
            29..=31 => self.set_error(log),
            32..=33 => self.update_example(log),
            34..=35 => {
                let schema = code(log, 30);
                log.push("SET_STATE_SCHEMA", &format!(r#"{{"scope":"global","schema":"{schema}"}}"#));
            }
            36 => self.move_operation(log),
            37 => self.delete_operation(log),
            38 => self.reorder(log),
            _ => log.push("SET_MODEL_DESCRIPTION", &format!(r#"{{"description":"model {n}"}}"#)),
        }
    }

    fn add_module(&mut self, log: &mut Log) {
        let (id, n) = (log.random.uuid(), log.rows.len());
        log.push("ADD_MODULE", &format!(r#"{{"id":"{id}","name":"module_{n}","description":"What belongs to {n}"}}"#));
        self.modules.push(id);
    }

    fn add_operation(&mut self, log: &mut Log) {
        let (id, n) = (log.random.uuid(), log.rows.len());
        if let Some(module) = pick(log, &self.modules) {
            log.push("ADD_OPERATION", &format!(r#"{{"id":"{id}","moduleId":"{module}","name":"SET_LINE_{n}","description":"","schema":"","template":"","reducer":"","scope":"global"}}"#));
            self.operations.push(id);
        }
    }

    fn add_error(&mut self, log: &mut Log) {
        let (id, n) = (log.random.uuid(), log.rows.len());
        if let Some(operation) = pick(log, &self.operations) {
            log.push("ADD_OPERATION_ERROR", &format!(r#"{{"id":"{id}","operationId":"{operation}","errorCode":"LINE_{n}","errorName":"LineNotFound{n}","errorDescription":"There is no such line"}}"#));
            self.errors.push(id);
        }
    }

    fn add_example(&mut self, log: &mut Log) {
        let id = log.random.uuid();
        if let Some(operation) = pick(log, &self.operations) {
            let example = code(log, 3);
            log.push(
                "ADD_OPERATION_EXAMPLE",
                &format!(r#"{{"id":"{id}","operationId":"{operation}","example":"{example}"}}"#),
            );
            self.examples.push(id);
        }
    }

    fn set(&self, log: &mut Log, what: &str, member: &str, lines: usize) {
        if let Some(id) = pick(log, &self.operations) {
            let lines = 1 + log.random.below(lines);
            let text = code(log, lines);
            log.push(&format!("SET_OPERATION_{what}"), &format!(r#"{{"id":"{id}","{member}":"{text}"}}"#));
        }
    }

    fn rename(&self, log: &mut Log) {
        if let Some(id) = pick(log, &self.operations) {
            let n = log.rows.len();
            log.push("SET_OPERATION_NAME", &format!(r#"{{"id":"{id}","name":"RENAME_LINE_{n}"}}"#));
        }
    }

    fn set_error(&self, log: &mut Log) {
        if let Some(id) = pick(log, &self.errors) {
            let n = log.rows.len();
            log.push(
                "SET_OPERATION_ERROR_DESCRIPTION",
                &format!(r#"{{"id":"{id}","errorDescription":"Line {n} is missing"}}"#),
            );
        }
    }

    fn update_example(&self, log: &mut Log) {
        if let Some(id) = pick(log, &self.examples) {
            let example = code(log, 3);
            log.push("UPDATE_OPERATION_EXAMPLE", &format!(r#"{{"id":"{id}","example":"{example}"}}"#));
        }
    }

    fn move_operation(&self, log: &mut Log) {
        if let (Some(id), Some(module)) = (pick(log, &self.operations), pick(log, &self.modules)) {
            log.push("MOVE_OPERATION", &format!(r#"{{"operationId":"{id}","newModuleId":"{module}"}}"#));
        }
    }

    fn delete_operation(&mut self, log: &mut Log) {
        if !self.operations.is_empty() {
            let at = log.random.below(self.operations.len());
            let id = self.operations.swap_remove(at);
            log.push("DELETE_OPERATION", &format!(r#"{{"id":"{id}"}}"#));
        }
    }

    fn reorder(&self, log: &mut Log) {
        if let (Some(a), Some(b)) = (pick(log, &self.modules), pick(log, &self.modules)) {
            log.push("REORDER_MODULES", &format!(r#"{{"order":["{a}","{b}"]}}"#));
        }
    }
}

fn pick(log: &mut Log, from: &[String]) -> Option<String> {
    if from.is_empty() { None } else { Some(from[log.random.below(from.len())].clone()) }
}

/// Lines as a reducer or a schema may have, escaped for JSON.
fn code(log: &mut Log, lines: usize) -> String {
    let mut code = String::new();
    for _ in 0..lines {
        let line = log.random.below(10_000);
        let _ = write!(code, r#"const line{line} = state.lines.find((line) => line.id === \"{line}\");\n"#);
    }
    code
}
