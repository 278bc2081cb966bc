//! What was made of a held answer for those to whom it is served. Each form is made once, for one spelling of the question,
//! and found without a lock.

use std::fmt;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// An answer as it is served under one spelling of its question.
#[derive(Debug)]
pub struct Form {
    /// The caller's words for the question, which tell one form from another.
    pub spelling: [Box<str>; 3],
    /// What stands before the rows.
    pub head: Bytes,
    /// The entity tag, with its quotes.
    pub tag: Bytes,
    /// The whole in the content codings that somebody has asked for, in an order that whoever makes them knows.
    pub coded: [OnceLock<Bytes>; 3],
}

/// The forms of one answer. Cloning shares them.
#[derive(Clone, Default)]
pub struct Forms(Arc<Place>);

/// A list that only grows: a form, and the place for the next.
#[derive(Default)]
struct Place(OnceLock<Box<(Arc<Form>, Place)>>);

/// Whoever spells a question in yet another way has the form made for each request.
const MOST: usize = 4;
/// A form's own fields and links.
const OVERHEAD: usize = 256;

impl Form {
    /// What it takes, in bytes.
    fn bytes(&self) -> usize {
        let words: usize = self.spelling.iter().map(|word| word.len()).sum();
        let coded: usize = self.coded.iter().filter_map(OnceLock::get).map(Bytes::len).sum();
        OVERHEAD + words + self.head.len() + self.tag.len() + coded
    }

    fn is_of(&self, spelling: [&str; 3]) -> bool {
        self.spelling.iter().map(|word| &**word).eq(spelling)
    }
}

impl Forms {
    /// The form of this spelling, if it was made.
    pub fn get(&self, spelling: [&str; 3]) -> Option<&Form> {
        self.all().find(|form| form.is_of(spelling)).map(|form| &**form)
    }

    /// The form of this spelling, made now if it is the first.
    pub fn get_or_make(&self, spelling: [&str; 3], make: impl FnOnce() -> Form) -> Arc<Form> {
        let (mut place, mut make) = (&*self.0, Some(make));
        for _ in 0..MOST {
            let (form, next) = &**place.0.get_or_init(|| {
                let form = make.take().map(|make| make()).expect("it is made once, and then found");
                Box::new((Arc::new(form), Place::default()))
            });
            if form.is_of(spelling) {
                return Arc::clone(form);
            }
            place = next;
        }
        Arc::new(make.map(|make| make()).expect("what was made before was found"))
    }

    /// What all of them take, in bytes.
    pub fn bytes(&self) -> usize {
        self.all().map(|form| form.bytes()).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Form>> {
        let mut place = &*self.0;
        std::iter::from_fn(move || {
            let (form, next) = &**place.0.get()?;
            place = next;
            Some(form)
        })
    }
}

impl fmt::Debug for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(word: &str) -> Form {
        Form {
            spelling: [word, "", ""].map(Box::from),
            head: Bytes::copy_from_slice(word.as_bytes()),
            tag: Bytes::new(),
            coded: Default::default(),
        }
    }

    #[test]
    fn each_spelling_has_its_form_made_once() {
        let forms = Forms::default();
        let made: Vec<_> = ["a", "b"].map(|word| forms.get_or_make([word, "", ""], || form(word))).into();
        for (word, first) in ["a", "b"].into_iter().zip(&made) {
            let again = forms.clone().get_or_make([word, "", ""], || unreachable!("it is there"));
            assert!(Arc::ptr_eq(&again, first));
            assert_eq!(again.head, word);
        }
    }

    #[test]
    fn one_spelling_too_many_is_served_and_not_held() {
        let forms = Forms::default();
        for word in ["a", "b", "c", "d", "e", "e"] {
            assert_eq!(forms.get_or_make([word, "", ""], || form(word)).head, word);
        }
        assert_eq!(forms.all().count(), MOST);
        assert!(forms.get(["d", "", ""]).is_some() && forms.get(["e", "", ""]).is_none());
    }
}
