//! What is changed, and into what.

use quote::ToTokens;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, ReturnType, Stmt, Token, Type, UnOp};

/// How the mutant stands around the text that it changes.
enum Form {
    /// The expression, or `is` instead of it.
    Instead,
    /// The truth, or its opposite.
    Opposite,
    /// The statement, or nothing.
    Gone,
    /// `return is;` at the beginning of the body.
    Return,
    /// The arm is taken never.
    NoArm,
    /// The guard of an arm holds always.
    Always,
    /// The guard of an arm holds never.
    Never,
}

/// One mutant.
pub struct Found {
    /// First byte of what is changed.
    pub start: usize,
    /// Behind its last byte.
    pub end: usize,
    /// The function that it stands in.
    pub function: String,
    /// Which kind of change.
    pub operator: &'static str,
    /// What stands there instead.
    pub is: String,
    form: Form,
}

impl Found {
    /// What to write before and after the text; `on` asks whether this mutant is the one that is alive.
    pub fn around(&self, on: &str) -> (String, String) {
        let is = &self.is;
        let (before, after) = match self.form {
            Form::Instead => (format!("(if {on} {{ {is} }} else {{ "), " })".to_owned()),
            Form::Opposite => ("((".to_owned(), format!(") != {on})")),
            Form::Gone => (format!("if !{on} {{ "), " }".to_owned()),
            Form::Return => (format!(" if {on} {{ return {is}; }} "), String::new()),
            Form::NoArm => (format!(" if !{on}"), String::new()),
            Form::Always => (format!("({on} || ("), "))".to_owned()),
            Form::Never => (format!("(!{on} && ("), "))".to_owned()),
        };
        (before, after)
    }
}

/// Every mutant of a file, in the order of the text.
pub fn find(text: &str) -> syn::Result<Vec<Found>> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder {
        text,
        found: Vec::new(),
        within: Vec::new(),
    };
    finder.visit_file(&file);
    Ok(finder.found)
}

struct Finder<'t> {
    text: &'t str,
    found: Vec<Found>,
    within: Vec<String>,
}

impl Finder<'_> {
    fn add(&mut self, at: impl Spanned, operator: &'static str, form: Form, is: impl Into<String>) {
        let range = at.span().byte_range();
        self.found.push(Found {
            start: range.start,
            end: range.end,
            function: self.within.join("::"),
            operator,
            is: is.into(),
            form,
        });
    }

    fn of(&self, it: impl Spanned) -> &str {
        self.text.get(it.span().byte_range()).unwrap_or_default()
    }

    fn body(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        block: &syn::Block,
    ) {
        if is_test(attributes) || signature.constness.is_some() {
            return;
        }
        self.within.push(signature.ident.to_string());
        let begin = block.brace_token.span.open().byte_range().end;
        for is in returns(&signature.output) {
            self.found.push(Found {
                start: begin,
                end: begin,
                function: self.within.join("::"),
                operator: "body",
                is,
                form: Form::Return,
            });
        }
        self.visit_block(block);
        self.within.pop();
    }

    fn binary(&mut self, it: &syn::ExprBinary) {
        use BinOp as B;
        if has_let(&it.left) || has_let(&it.right) {
            return;
        }
        let others: &[&str] = match it.op {
            B::Eq(_) => &["!="],
            B::Ne(_) => &["=="],
            B::And(_) => &["||"],
            B::Or(_) => &["&&"],
            B::Lt(_) => &["<=", ">", "=="],
            B::Le(_) => &["<", ">"],
            B::Gt(_) => &[">=", "<", "=="],
            B::Ge(_) => &[">", "<"],
            B::Add(_) => &["-", "*"],
            B::Sub(_) => &["+", "/"],
            B::Mul(_) => &["+", "/"],
            B::Div(_) => &["*", "%"],
            B::Rem(_) => &["/", "+"],
            B::BitAnd(_) => &["|", "^"],
            B::BitOr(_) => &["&", "^"],
            B::BitXor(_) => &["&", "|"],
            B::Shl(_) => &[">>"],
            B::Shr(_) => &["<<"],
            B::AddAssign(_) => &["-=", "*="],
            B::SubAssign(_) => &["+=", "/="],
            B::MulAssign(_) => &["+="],
            B::BitOrAssign(_) => &["&=", "^="],
            B::BitAndAssign(_) => &["|=", "^="],
            B::ShlAssign(_) => &[">>="],
            B::ShrAssign(_) => &["<<="],
            _ => &[],
        };
        for other in others {
            let is = format!("{} {other} {}", self.of(&it.left), self.of(&it.right));
            self.add(it, "operator", Form::Instead, is);
        }
        if matches!(it.op, B::And(_) | B::Or(_)) {
            self.truth(&it.left);
            self.truth(&it.right);
        }
    }

    /// An expression that is a truth by where it stands. What has a form of its own (comparisons, `!`) is changed there.
    fn truth(&mut self, it: &Expr) {
        if matches!(it, Expr::Call(_) | Expr::Path(_) | Expr::Field(_))
            || matches!(it, Expr::MethodCall(call) if !says_truth(call))
        {
            self.add(it, "truth", Form::Opposite, format!("!({})", self.of(it)));
        }
    }

    fn condition(&mut self, it: &Expr) {
        match it {
            Expr::Binary(both) if matches!(both.op, BinOp::And(_)) && has_let(it) => {
                self.condition(&both.left);
                self.condition(&both.right);
            }
            it => self.truth(it),
        }
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, it: &'ast syn::ItemMod) {
        if !is_test(&it.attrs) {
            visit::visit_item_mod(self, it);
        }
    }

    fn visit_item_fn(&mut self, it: &'ast syn::ItemFn) {
        self.body(&it.attrs, &it.sig, &it.block);
    }

    fn visit_impl_item_fn(&mut self, it: &'ast syn::ImplItemFn) {
        self.body(&it.attrs, &it.sig, &it.block);
    }

    fn visit_trait_item_fn(&mut self, it: &'ast syn::TraitItemFn) {
        if let Some(block) = &it.default {
            self.body(&it.attrs, &it.sig, block);
        }
    }

    fn visit_item_impl(&mut self, it: &'ast syn::ItemImpl) {
        let is_debug = it
            .trait_
            .as_ref()
            .is_some_and(|(_, path, _)| path.to_token_stream().to_string().ends_with("Debug"));
        if is_test(&it.attrs) || is_debug {
            return;
        }
        self.within
            .push(it.self_ty.to_token_stream().to_string().replace(' ', ""));
        for item in &it.items {
            self.visit_impl_item(item);
        }
        self.within.pop();
    }

    // nothing that runs is in these, or it runs while the compiler does
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_item_struct(&mut self, _: &'ast syn::ItemStruct) {}
    fn visit_item_enum(&mut self, _: &'ast syn::ItemEnum) {}
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast syn::Pat) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    fn visit_item_static(&mut self, it: &'ast syn::ItemStatic) {
        // only what a closure in it does runs later
        struct Closures<'f, 't>(&'f mut Finder<'t>);
        impl<'ast> Visit<'ast> for Closures<'_, '_> {
            fn visit_expr_closure(&mut self, it: &'ast syn::ExprClosure) {
                self.0.visit_expr_closure(it);
            }
        }
        Closures(self).visit_expr(&it.expr);
    }

    fn visit_expr_repeat(&mut self, it: &'ast syn::ExprRepeat) {
        self.visit_expr(&it.expr);
    }

    fn visit_stmt(&mut self, it: &'ast Stmt) {
        if let Stmt::Expr(expr, Some(_)) = it
            && matches!(
                expr,
                Expr::MethodCall(_)
                    | Expr::Call(_)
                    | Expr::Assign(_)
                    | Expr::Return(_)
                    | Expr::Continue(_)
                    | Expr::Break(_)
                    | Expr::Try(_)
            )
        {
            self.add(it, "statement", Form::Gone, "");
        }
        visit::visit_stmt(self, it);
    }

    fn visit_expr_if(&mut self, it: &'ast syn::ExprIf) {
        self.condition(&it.cond);
        visit::visit_expr_if(self, it);
    }

    fn visit_expr_while(&mut self, it: &'ast syn::ExprWhile) {
        self.condition(&it.cond);
        visit::visit_expr_while(self, it);
    }

    fn visit_expr_binary(&mut self, it: &'ast syn::ExprBinary) {
        self.binary(it);
        visit::visit_expr_binary(self, it);
    }

    fn visit_expr_unary(&mut self, it: &'ast syn::ExprUnary) {
        // a truth has its opposite already
        let is_changed = match &*it.expr {
            Expr::Lit(_) | Expr::Macro(_) => true,
            Expr::MethodCall(call) => says_truth(call),
            _ => false,
        };
        if matches!(it.op, UnOp::Not(_) | UnOp::Neg(_)) && !is_changed {
            let is = self.of(&it.expr).to_owned();
            self.add(it, "unary", Form::Instead, is);
        }
        visit::visit_expr_unary(self, it);
    }

    fn visit_expr_method_call(&mut self, it: &'ast syn::ExprMethodCall) {
        if says_truth(it) {
            self.add(it, "truth", Form::Opposite, format!("!({})", self.of(it)));
        }
        let name = it.method.to_string();
        let swapped = match name.as_str() {
            "any" => Some("all"),
            "all" => Some("any"),
            "min" => Some("max"),
            "max" => Some("min"),
            "first" => Some("last"),
            "last" => Some("first"),
            "is_some_and" => Some("is_none_or"),
            "is_none_or" => Some("is_some_and"),
            "max_by" => Some("min_by"),
            "min_by" => Some("max_by"),
            "max_by_key" => Some("min_by_key"),
            "min_by_key" => Some("max_by_key"),
            _ => None,
        };
        if let Some(other) = swapped {
            let (all, at) = (it.span().byte_range(), it.method.span().byte_range());
            let is = format!(
                "{}{other}{}",
                self.text.get(all.start..at.start).unwrap_or_default(),
                self.text.get(at.end..all.end).unwrap_or_default()
            );
            self.add(it, "method", Form::Instead, is);
        }
        // a step of a chain that is left out
        if matches!(
            name.as_str(),
            "filter"
                | "rev"
                | "trim"
                | "skip"
                | "take"
                | "take_while"
                | "skip_while"
                | "dedup"
                | "to_ascii_lowercase"
                | "to_lowercase"
                | "or"
                | "or_else"
                | "chain"
        ) {
            let is = self.of(&it.receiver).to_owned();
            self.add(it, "step", Form::Instead, is);
        }
        // a predicate that is a bare truth
        if matches!(
            name.as_str(),
            "filter"
                | "any"
                | "all"
                | "retain"
                | "is_some_and"
                | "is_none_or"
                | "is_ok_and"
                | "position"
                | "find"
                | "partition"
                | "take_while"
                | "skip_while"
        ) && let Some(Expr::Closure(closure)) = it.args.first()
        {
            self.truth(&closure.body);
        }
        visit::visit_expr_method_call(self, it);
    }

    fn visit_expr_match(&mut self, it: &'ast syn::ExprMatch) {
        self.visit_expr(&it.expr);
        let takes_all = |arm: &syn::Arm| {
            let words = self.of(&arm.pat);
            // a name or `_` for everything; `true` and `false` are values
            arm.guard.is_none()
                && words.split(|c: char| "(), ".contains(c)).all(|word| {
                    word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                        && !matches!(word, "true" | "false")
                })
        };
        let has_rest = it.arms.last().is_some_and(takes_all);
        for (n, arm) in it.arms.iter().enumerate() {
            let is_last = n + 1 == it.arms.len();
            if let Some((_, guard)) = &arm.guard {
                if !has_let(guard) {
                    self.add(guard, "guard", Form::Always, "true");
                    self.add(guard, "guard", Form::Never, "false");
                }
                self.visit_expr(guard);
            } else if has_rest && !is_last {
                let end = arm.pat.span().byte_range().end;
                self.found.push(Found {
                    start: end,
                    end,
                    function: self.within.join("::"),
                    operator: "arm",
                    is: format!("no `{}`", self.of(&arm.pat)),
                    form: Form::NoArm,
                });
            }
            // what another arm says; where it needs names that are not there, it does not compile
            if !has_rest || is_last {
                let next = it.arms.get((n + 1) % it.arms.len());
                if let Some(is) = next.map(|next| self.of(&next.body).to_owned())
                    && is != self.of(&arm.body)
                {
                    self.add(&arm.body, "arm", Form::Instead, is);
                }
            }
            self.visit_expr(&arm.body);
        }
    }

    fn visit_expr_path(&mut self, it: &'ast syn::ExprPath) {
        let Some(last) = it.path.segments.last() else {
            return;
        };
        let others: &[&str] = match last.ident.to_string().as_str() {
            "Pass" => &["Fail", "NotEvaluated"],
            "Fail" => &["Pass", "NotEvaluated"],
            "NotEvaluated" => &["Pass", "Fail"],
            "NotAsked" => &["Unknown"],
            "Unknown" => &["NotAsked"],
            "Normal" => &["Restricted"],
            "Restricted" => &["Normal"],
            "VeryRestricted" => &["Restricted"],
            _ => &[],
        };
        for other in others {
            let all = self.of(it);
            let head = all.len() - last.ident.to_string().len();
            let is = format!("{}{other}", all.get(..head).unwrap_or_default());
            self.add(it, "outcome", Form::Instead, is);
        }
    }

    fn visit_expr_lit(&mut self, it: &'ast syn::ExprLit) {
        match &it.lit {
            syn::Lit::Bool(truth) => {
                self.add(it, "literal", Form::Instead, (!truth.value).to_string())
            }
            syn::Lit::Int(number) => {
                if let Ok(value) = number.base10_parse::<u64>() {
                    let suffix = number.suffix();
                    self.add(
                        it,
                        "literal",
                        Form::Instead,
                        format!("{}{suffix}", value.saturating_add(1)),
                    );
                    if let Some(less) = value.checked_sub(1) {
                        self.add(it, "literal", Form::Instead, format!("{less}{suffix}"));
                    }
                }
            }
            _ => {}
        }
    }

    fn visit_macro(&mut self, it: &'ast syn::Macro) {
        let name = it
            .path
            .segments
            .last()
            .map(|last| last.ident.to_string())
            .unwrap_or_default();
        match name.as_str() {
            "matches" => self.add(it, "truth", Form::Opposite, format!("!({})", self.of(it))),
            "vec" => {
                if let Ok(items) =
                    it.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated)
                {
                    for item in &items {
                        self.visit_expr(item);
                    }
                }
            }
            _ => {}
        }
    }
}

/// A call of a method that, by its name, answers yes or no.
fn says_truth(it: &syn::ExprMethodCall) -> bool {
    let name = it.method.to_string();
    [
        "is_",
        "has_",
        "contains",
        "starts_with",
        "ends_with",
        "eq_ignore",
    ]
    .iter()
    .any(|head| name.starts_with(head))
        || matches!(
            name.as_str(),
            "any"
                | "all"
                | "withholds"
                | "agrees"
                | "shows"
                | "flows_down"
                | "allows"
                | "covers"
                | "lets"
                | "changes_mind"
                | "permitted"
        )
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|it| {
        let words = it.to_token_stream().to_string().replace(' ', "");
        words == "#[cfg(test)]" || words == "#[test]"
    })
}

fn has_let(it: &Expr) -> bool {
    match it {
        Expr::Let(_) => true,
        Expr::Binary(both) => has_let(&both.left) || has_let(&both.right),
        Expr::Paren(inner) => has_let(&inner.expr),
        _ => false,
    }
}

/// What a function could give back instead.
fn returns(output: &ReturnType) -> Vec<String> {
    match output {
        ReturnType::Default => vec![String::new()],
        ReturnType::Type(_, it) => values(it),
    }
}

fn values(it: &Type) -> Vec<String> {
    let text = it.to_token_stream().to_string().replace(' ', "");
    let listed = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    match text.as_str() {
        "bool" => return listed(&["true", "false"]),
        "()" => return listed(&["()"]),
        "String" => return listed(&["String::new()", "\"xyzzy\".to_owned()"]),
        "&str" | "&'staticstr" => return listed(&["\"\"", "\"xyzzy\""]),
        "usize" | "u8" | "u16" | "u32" | "u64" | "u128" => return listed(&["0", "1"]),
        "isize" | "i8" | "i16" | "i32" | "i64" => return listed(&["0", "1", "-1"]),
        "Self" => return listed(&["Default::default()"]),
        _ => {}
    }
    match it {
        Type::Path(path) => {
            let Some(last) = path.path.segments.last() else {
                return Vec::new();
            };
            let inner = || match &last.arguments {
                syn::PathArguments::AngleBracketed(all) => {
                    all.args.iter().find_map(|one| match one {
                        syn::GenericArgument::Type(one) => Some(values(one)),
                        _ => None,
                    })
                }
                _ => None,
            };
            let wrapped = |head: &str| {
                inner()
                    .unwrap_or_default()
                    .into_iter()
                    .map(|one| format!("{head}({one})"))
                    .collect::<Vec<_>>()
            };
            match last.ident.to_string().as_str() {
                "Option" => [vec!["None".to_owned()], wrapped("Some")].concat(),
                "Result" => wrapped("Ok"),
                "Arc" => wrapped("std::sync::Arc::new"),
                "Box" => wrapped("Box::new"),
                "Vec" => [
                    vec!["Vec::new()".to_owned()],
                    inner()
                        .unwrap_or_default()
                        .into_iter()
                        .take(1)
                        .map(|one| format!("vec![{one}]"))
                        .collect(),
                ]
                .concat(),
                _ => vec!["Default::default()".to_owned()],
            }
        }
        Type::Reference(reference) => match &*reference.elem {
            Type::Slice(_) => vec!["&[]".to_owned()],
            _ => Vec::new(),
        },
        Type::Tuple(all) => {
            // one value for each part, each part changed once
            let parts: Vec<Vec<String>> = all.elems.iter().map(values).collect();
            let most = parts.iter().map(Vec::len).max().unwrap_or(0);
            if parts.iter().any(Vec::is_empty) {
                return Vec::new();
            }
            (0..most)
                .map(|n| {
                    let row: Vec<&str> = parts
                        .iter()
                        .filter_map(|part| part.get(n % part.len()))
                        .map(String::as_str)
                        .collect();
                    format!("({})", row.join(", "))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}
