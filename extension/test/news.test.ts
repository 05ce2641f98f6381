import { AlertNews } from '../src/news';
import type { Alert } from '../src/view/state';
import { example } from './examples';

const ALERTS: Alert[] = example('state-drifting.json').alerts;

test('each open alert is news once', () => {
  const news = new AlertNews([]);
  expect(news.of(ALERTS).map(alert => alert.subject)).toEqual([
    'income',
    'days_since_last_login_on_any_device'
  ]);
  expect(news.of(ALERTS)).toEqual([]);
});

test('what was told before a reload is no news', () => {
  const before = new AlertNews([]);
  before.of(ALERTS);
  expect(new AlertNews(before.told).of(ALERTS)).toEqual([]);
});

test('an alert that opens again is news again', () => {
  const news = new AlertNews([]);
  news.of(ALERTS);
  const again = ALERTS.map(alert => ({ ...alert, since: '2026-12-01T00:00:00+00:00' }));
  expect(news.of(again)).toHaveLength(2);
});

test('what is remembered stays small', () => {
  const news = new AlertNews([...Array(2000).keys()].map(String));
  news.of(ALERTS);
  expect(news.told).toHaveLength(500);
  expect(news.told.at(-1)).toContain('drift:days_since');
});
