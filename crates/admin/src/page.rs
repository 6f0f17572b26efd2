//! Reads lists page by page, with a filter.

/// How many rows are read from the store at a time.
const AT_ONCE: u32 = 1_000;

/// How many rows are examined for one page: with a filter that few rows pass, the whole store must not be read at once.
const LOOKED_AT: usize = 10_000;

/// A page of a list, which may be shorter than was asked for because of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The items on the page.
    pub items: Vec<T>,
    /// The key after which the next page begins; `None` on the last page.
    pub next: Option<K>,
}

/// A page that is being read, until `limit` rows have passed the filter or [`LOOKED_AT`] have been examined.
pub(super) struct Reading<T, K> {
    page: Page<T, K>,
    after: Option<K>,
    limit: usize,
    looked_at: usize,
    at_once: u32,
    is_done: bool,
}

impl<T, K: Copy> Reading<T, K> {
    /// Begins with the first row after `after`.
    pub(super) fn new(after: Option<K>, limit: u32) -> Self {
        // Without a filter, one row more than the page has tells whether there is another page.
        let at_once = limit.saturating_add(1).min(AT_ONCE);
        let page = Page { items: Vec::new(), next: None };
        Self { page, after, limit: limit as usize, looked_at: 0, at_once, is_done: false }
    }

    /// Returns which rows to read next: the key before them, and how many. `None` when the page is complete.
    pub(super) fn wants(&self) -> Option<(Option<K>, u32)> {
        (!self.is_done).then_some((self.after, self.at_once))
    }

    /// Takes the rows that were read.
    pub(super) fn take(&mut self, rows: Vec<T>, is_met: impl Fn(&T) -> bool, key: impl Fn(&T) -> K) {
        let is_last = rows.len() < self.at_once as usize;
        for row in rows {
            if self.page.items.len() == self.limit {
                self.page.next = self.page.items.last().map(&key);
                self.is_done = true;
                return;
            }
            self.looked_at += 1;
            self.after = Some(key(&row));
            if is_met(&row) {
                self.page.items.push(row);
            }
        }
        self.is_done = is_last || self.looked_at >= LOOKED_AT;
        self.page.next = self.after.filter(|_| self.is_done && !is_last);
        self.at_once = AT_ONCE;
    }

    pub(super) fn end(self) -> Page<T, K> {
        self.page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads every page of the numbers below `count` that pass `is_met`. Returns them, and the number of pages.
    fn all(count: u32, limit: u32, is_met: impl Fn(&u32) -> bool + Copy) -> (Vec<u32>, usize) {
        let (mut items, mut pages, mut after) = (Vec::new(), 0, None);
        loop {
            let mut reading = Reading::new(after, limit);
            while let Some((after, at_once)) = reading.wants() {
                let start = after.map_or(0, |after| after + 1);
                let rows = (start..count).take(at_once as usize).collect();
                reading.take(rows, is_met, |number| *number);
            }
            let page = reading.end();
            assert!(page.items.len() <= limit as usize);
            items.extend(page.items);
            pages += 1;
            match page.next {
                Some(next) => after = Some(next),
                None => return (items, pages),
            }
        }
    }

    #[test]
    fn pages_have_neither_gaps_nor_repeats_whatever_the_filter_and_the_limit() {
        for count in [0, 1, 2, 999, 1_000, 1_001, 2_500] {
            for limit in [1, 2, 7, 999, 1_000, 1_001] {
                if count / limit > 300 {
                    continue;
                }
                for every in [1, 2, 700] {
                    let (items, _) = all(count, limit, |number| number.is_multiple_of(every));
                    assert_eq!(
                        items,
                        (0..count).step_by(every as usize).collect::<Vec<_>>(),
                        "{count} {limit}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_filter_that_lets_nothing_through_has_a_bounded_part_of_the_list_read_for_each_page() {
        let (items, pages) = all(35_000, 10, |_| false);
        assert_eq!((items.len(), pages), (0, 4));
        assert_eq!(all(5, 5, |_| true).1, 1);
    }
}
