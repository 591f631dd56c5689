//! What is kept in memory, and how much of it.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Mutex;

/// A map that forgets what was used longest ago once its entries weigh more than its budget.
///
/// Forgetting scans all entries, so it takes an eighth of the budget at once: the cost per insertion stays constant.
pub struct Lru<K, V> {
    budget: usize,
    inner: Mutex<Inner<K, V>>,
}

struct Inner<K, V> {
    entries: HashMap<K, Slot<V>>,
    weight: usize,
    tick: u64,
}

struct Slot<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Lru<K, V> {
    /// A map that holds entries of `budget` bytes together.
    pub fn new(budget: usize) -> Self {
        Self { budget, inner: Mutex::new(Inner { entries: HashMap::new(), weight: 0, tick: 0 }) }
    }

    /// The value under `key`, now the most recently used.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        inner.tick += 1;
        let tick = inner.tick;
        let slot = inner.entries.get_mut(key)?;
        slot.used = tick;
        Some(slot.value.clone())
    }

    /// Puts `value` under `key`. A value heavier than the whole budget is not kept.
    pub fn insert(&self, key: K, value: V, weight: usize) {
        let mut inner = self.lock();
        inner.tick += 1;
        let used = inner.tick;
        if weight > self.budget {
            if let Some(old) = inner.entries.remove(&key) {
                inner.weight -= old.weight;
            }
            return;
        }
        if let Some(old) = inner.entries.insert(key, Slot { value, weight, used }) {
            inner.weight -= old.weight;
        }
        inner.weight += weight;
        if inner.weight > self.budget {
            inner.forget(self.budget - self.budget / 8);
        }
    }

    /// Forgets what is under `key`.
    pub fn remove<Q: Hash + Eq + ?Sized>(&self, key: &Q)
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        if let Some(old) = inner.entries.remove(key) {
            inner.weight -= old.weight;
        }
    }

    /// Changes the weight of what is under `key`, if it is still there.
    pub fn reweigh<Q: Hash + Eq + ?Sized>(&self, key: &Q, weight: usize)
    where
        K: Borrow<Q>,
    {
        let mut inner = self.lock();
        let Some(slot) = inner.entries.get_mut(key) else { return };
        let old = std::mem::replace(&mut slot.weight, weight);
        inner.weight = inner.weight - old + weight;
        if inner.weight > self.budget {
            inner.forget(self.budget - self.budget / 8);
        }
    }

    /// All values, which count as used no more recently for it.
    pub fn values(&self) -> Vec<V> {
        self.lock().entries.values().map(|slot| slot.value.clone()).collect()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut inner = self.lock();
        inner.entries.clear();
        inner.weight = 0;
    }

    /// Weight of all entries, in bytes.
    pub fn weight(&self) -> usize {
        self.lock().weight
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner<K, V>> {
        self.inner.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<K: Hash + Eq + Clone, V> Inner<K, V> {
    fn forget(&mut self, down_to: usize) {
        let mut by_age: Vec<(u64, K)> = self.entries.iter().map(|(key, slot)| (slot.used, key.clone())).collect();
        by_age.sort_unstable_by_key(|(used, _)| *used);
        for (_, key) in by_age {
            if self.weight <= down_to {
                break;
            }
            if let Some(slot) = self.entries.remove(&key) {
                self.weight -= slot.weight;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let cache = Lru::new(100);
        for key in 0..10 {
            cache.insert(key, key, 10);
        }
        assert_eq!(cache.get(&0), Some(0));
        cache.insert(10, 10, 10);
        assert_eq!(cache.get(&0), Some(0));
        assert_eq!(cache.get(&1), None);
        assert!(cache.weight() <= 100);
    }

    #[test]
    fn what_is_heavier_than_the_budget_is_not_kept() {
        let cache = Lru::new(100);
        cache.insert("a", 1, 10);
        cache.insert("a", 2, 101);
        assert_eq!(cache.get("a"), None);
        assert_eq!(cache.weight(), 0);
    }
}
