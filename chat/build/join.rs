//! Makes one script of the page's modules, which a browser has after one request instead of one for each.
//!
//! Each module becomes a function that is called once, after those from which it imports; what it exports are names of the whole
//! script, so importing is seeing them. Therefore no two modules may export the same name. A module that exports a variable
//! (`export let`) cannot be a function, as its importers would see for ever what the variable was at first: it stands as it is.
//!
//! Imports and exports are understood as the page writes them: on a line of their own, at its beginning, by their own names.

use std::collections::{BTreeMap, BTreeSet};

/// A module, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Module {
    /// The paths as they are written, each with the name that its default export gets here.
    imports: Vec<(String, Option<String>)>,
    exports: Vec<String>,
    has_default: bool,
    has_variable: bool,
    /// The module without its imports and exports; it has as many lines as before.
    body: String,
}

/// What a default export is called in its own module.
const DEFAULT: &str = "$default";

impl Module {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut module = Self {
            imports: vec![],
            exports: vec![],
            has_default: false,
            has_variable: false,
            body: String::new(),
        };
        for (number, line) in text.split('\n').enumerate() {
            module.take(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            module.body.push('\n');
        }
        Ok(module)
    }

    fn take(&mut self, line: &str) -> Result<(), String> {
        if let Some(import) = line.strip_prefix("import ") {
            self.import(import)?;
        } else if let Some(value) = line.strip_prefix("export default ") {
            self.has_default = true;
            self.body.push_str(&format!("const {DEFAULT} = {value}"));
        } else if let Some(declaration) = line.strip_prefix("export ") {
            let (kind, name) = declared(declaration)
                .ok_or("export a class, a function, a const or a let with its declaration")?;
            self.exports.push(name.to_owned());
            self.has_variable |= kind == "let";
            self.body.push_str(declaration);
        } else {
            self.body.push_str(line);
        }
        Ok(())
    }

    fn import(&mut self, import: &str) -> Result<(), String> {
        let parts = import.strip_suffix("';").and_then(|import| import.split_once(" from '"));
        let (names, path) = parts.ok_or("import on one line, as in import { a } from './b.js';")?;
        let default = match names.strip_prefix('{') {
            Some(names) if names.contains(" as ") => return Err("import by the exported names".to_owned()),
            Some(_) => None,
            None => Some(names.to_owned()),
        };
        self.imports.push((path.to_owned(), default));
        Ok(())
    }
}

/// The kind and the name of a declaration.
fn declared(declaration: &str) -> Option<(&str, &str)> {
    let declaration = declaration.strip_prefix("async ").unwrap_or(declaration);
    let (kind, rest) = declaration.split_once(' ')?;
    let is_known = ["class", "function", "function*", "const", "let"].contains(&kind);
    let end = rest.find(|character: char| !character.is_alphanumeric() && !"_$".contains(character));
    let name = &rest[..end.unwrap_or(rest.len())];
    (is_known && !name.is_empty()).then_some((kind, name))
}

/// One script of all modules that `main` leads to, by their paths. An error says what does not fit together.
pub(crate) fn join(modules: &BTreeMap<String, Module>, main: &str) -> Result<String, String> {
    let mut order = Vec::new();
    visit(modules, main, &mut order, &mut BTreeSet::new())?;
    if let Some(unused) = modules.keys().find(|name| !order.contains(&name.as_str())) {
        return Err(format!("nothing leads to {unused}"));
    }
    let defaults = defaults(modules)?;
    let mut exporters = BTreeMap::new();
    let mut script = String::new();
    for name in order {
        let module = &modules[name];
        for export in module.exports.iter().chain(defaults.get(name)) {
            if let Some(other) = exporters.insert(export.clone(), name) {
                return Err(format!("both {other} and {name} export {export}"));
            }
        }
        script.push_str(&wrapped(module, defaults.get(name)));
    }
    Ok(script)
}

fn wrapped(module: &Module, default: Option<&String>) -> String {
    let body = &module.body;
    if module.has_variable {
        return body.clone();
    }
    let mut exports = module.exports.clone();
    exports.extend(default.map(|name| format!("{name}: {DEFAULT}")));
    if exports.is_empty() {
        return format!("(() => {{\n{body}}})();\n");
    }
    let names: Vec<_> = module.exports.iter().chain(default).map(String::as_str).collect();
    format!(
        "const {{ {} }} = (() => {{\n{body}return {{ {} }};\n}})();\n",
        names.join(", "),
        exports.join(", ")
    )
}

/// What the default exports are called by those who import them.
fn defaults(modules: &BTreeMap<String, Module>) -> Result<BTreeMap<String, String>, String> {
    let mut defaults = BTreeMap::new();
    for (importer, module) in modules {
        for (path, default) in &module.imports {
            let Some(default) = default else { continue };
            let name = resolve(importer, path);
            match defaults.insert(name.clone(), default.clone()) {
                Some(other) if other != *default => {
                    return Err(format!("{name} is imported as {other} and as {default}"));
                }
                _ => {}
            }
            if !modules.get(&name).is_some_and(|module| module.has_default) {
                return Err(format!("{importer} imports {default} from {name}, which has no default export"));
            }
        }
    }
    Ok(defaults)
}

/// Those that a module imports from come before it.
fn visit<'a>(
    modules: &'a BTreeMap<String, Module>,
    name: &str,
    order: &mut Vec<&'a str>,
    entered: &mut BTreeSet<String>,
) -> Result<(), String> {
    if order.contains(&name) {
        return Ok(());
    }
    let (name, module) = modules.get_key_value(name).ok_or_else(|| format!("there is no module {name}"))?;
    if !entered.insert(name.clone()) {
        return Err(format!("{name} imports, over others, from itself"));
    }
    for (path, _) in &module.imports {
        visit(modules, &resolve(name, path), order, entered)?;
    }
    order.push(name);
    Ok(())
}

/// `../b/c.js` in `a/d.js` is `b/c.js`.
fn resolve(importer: &str, path: &str) -> String {
    let mut parts: Vec<_> = importer.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(modules: &[(&str, &str)]) -> Result<String, String> {
        let parse = |(name, text): &(&str, &str)| Ok((name.to_string(), Module::parse(text)?));
        join(&modules.iter().map(parse).collect::<Result<_, String>>()?, "main.js")
    }

    #[test]
    fn a_module_comes_after_those_that_it_imports_from() {
        let script = joined(&[
            ("main.js", "import { a } from './x/a.js';\na();"),
            (
                "x/a.js",
                "import { B } from '../b.js';\nconst own = 1;\nexport function a() {\n  return new B(own);\n}",
            ),
            ("b.js", "export class B {}\nexport const c = 2;"),
        ]);
        let expected = "const { B, c } = (() => {\nclass B {}\nconst c = 2;\nreturn { B, c };\n})();\n\
            const { a } = (() => {\n\nconst own = 1;\nfunction a() {\n  return new B(own);\n}\nreturn { a };\n})();\n\
            (() => {\n\na();\n})();\n";
        assert_eq!(script.as_deref(), Ok(expected));
    }

    #[test]
    fn a_variable_stays_one_and_a_default_has_its_importers_name() {
        let script = joined(&[
            ("main.js", "import { t } from './t.js';\nt();"),
            ("t.js", "import en from './en.js';\nexport let t = en;"),
            ("en.js", "export default {\n};"),
        ]);
        let expected = "const { en } = (() => {\nconst $default = {\n};\nreturn { en: $default };\n})();\n\
            \nlet t = en;\n(() => {\n\nt();\n})();\n";
        assert_eq!(script.as_deref(), Ok(expected));
    }

    #[test]
    fn what_does_not_fit_together_is_an_error() {
        for (modules, error) in [
            (vec![("main.js", "import { a } from './a.js';")], "there is no module a.js"),
            (vec![("main.js", "a();"), ("b.js", "")], "nothing leads to b.js"),
            (vec![("main.js", "import a, { b } from './a.js'; c();")], "line 1: import on one line"),
            (vec![("main.js", "import { a as b } from './a.js';")], "line 1: import by the exported names"),
            (vec![("main.js", "export { a };")], "line 1: export a class"),
            (
                vec![("main.js", "import { a } from './a.js';"), ("a.js", "import { b } from './main.js';")],
                "main.js imports, over others, from itself",
            ),
            (
                vec![
                    ("main.js", "import { a } from './a.js';\nimport { b } from './b.js';"),
                    ("a.js", "export const a = 1;"),
                    ("b.js", "export const a = 2;"),
                ],
                "both a.js and b.js export a",
            ),
            (
                vec![("main.js", "import a from './a.js';"), ("a.js", "export const a = 1;")],
                "main.js imports a from a.js, which has no default export",
            ),
        ] {
            let found = joined(&modules).expect_err(error);
            assert!(found.starts_with(error), "{found}");
        }
    }
}
