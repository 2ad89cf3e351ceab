// The cheapest documents that a budget can pay, at most three.
export function affordable(items, budget) {
  const basket = [];
  for (const item of [...items].sort((a, b) => a.price_cents - b.price_cents)) {
    if (basket.length === 3 || item.price_cents > budget) break;
    budget -= item.price_cents;
    basket.push(item);
  }
  return basket;
}

export function isSorted(items) {
  return items.every((item, i) => i === 0 || items[i - 1].id < item.id);
}
