#include "turn/bandwidth.h"

namespace turnpike::turn {

void Demand::merge(const Demand& other) {
  for (size_t i = 0; i < kClasses; ++i) {
    classes_[i].sessions += other.classes_[i].sessions;
    classes_[i].bytes += other.classes_[i].bytes;
  }
}

uint64_t Demand::level(uint64_t supply) const {
  uint64_t sessions = 0;
  for (const Class& each : classes_) sessions += each.sessions;
  // From the modest to the greedy. Within a class all count as its mean: they differ by less than
  // a factor of two.
  for (const Class& each : classes_) {
    if (each.sessions == 0) continue;
    const uint64_t share = std::max<uint64_t>(supply / sessions, 1);
    if (each.bytes / each.sessions > share) return share;
    supply -= std::min(supply, each.bytes);
    sessions -= each.sessions;
  }
  return kNoLevel;
}

uint64_t Demand::below(uint64_t level) const {
  uint64_t sum = 0;
  for (const Class& each : classes_) {
    if (each.sessions == 0) continue;
    const bool is_cut = each.bytes / each.sessions > level;
    sum += is_cut ? each.sessions * level : each.bytes;
  }
  return sum;
}

uint64_t CapacityPool::borrow(uint64_t wanted, Instant now) {
  const std::lock_guard lock(mutex_);
  const uint64_t lent = std::min(wanted, bucket_.available(now));
  bucket_.take(lent, now);
  return lent;
}

void CapacityPool::give_back(uint64_t unused) {
  const std::lock_guard lock(mutex_);
  bucket_.put(unused);
}

void CapacityPool::charge(uint64_t owed, Instant now) {
  const std::lock_guard lock(mutex_);
  bucket_.charge(owed, now);
}

uint64_t CapacityPool::report(uint32_t worker, uint64_t of, const Demand& demand, uint64_t now) {
  const std::lock_guard lock(mutex_);
  if (worker >= reports_.size()) reports_.resize(worker + 1);
  reports_[worker] = {of, demand};
  Demand all;
  for (const Report& report : reports_) {
    // Others may not have told about the latest period yet; what is older still is over.
    if (report.period + 2 >= now) all.merge(report.demand);
  }
  return all.level(supply_for(now));
}

// Who asks now and then counts in few periods and draws on what he has saved up. So that this is
// there, the bucket is kept half full: the emptier it is, the less is divided among the others.
uint64_t CapacityPool::supply_for(uint64_t period) {
  if (supplied_ == period) return supply_;
  supplied_ = period;
  const uint64_t rate = rate_.load(std::memory_order_relaxed);
  const Instant begun(static_cast<Duration::rep>(period) * kCapacityPeriod);
  const double filled =
      static_cast<double>(bucket_.available(begun)) / static_cast<double>(rate_burst(rate));
  const double usual = static_cast<double>(rate) / static_cast<double>(kPeriodsPerSecond);
  supply_ = static_cast<uint64_t>(usual * (0.5 + filled));
  return supply_;
}

bool CapacityCredit::take(CapacityShare& share, uint64_t size, Instant now) {
  enter_period(share, now);
  note_demand(share, size);
  if (level_ != kNoLevel && share.allowance <= 0) return false;
  const auto bytes = static_cast<int64_t>(size);
  if (credit_ < bytes) borrow(size, now);
  if (credit_ <= 0) return false;
  credit_ -= bytes;
  if (level_ != kNoLevel) share.allowance -= bytes;
  return true;
}

uint64_t CapacityCredit::available(CapacityShare& share, uint64_t wanted, Instant now) {
  enter_period(share, now);
  uint64_t allowed = wanted;
  if (level_ != kNoLevel) {
    allowed = std::min(wanted, static_cast<uint64_t>(std::max<int64_t>(share.allowance, 0)));
  }
  const auto lent = [this] { return static_cast<uint64_t>(std::max<int64_t>(credit_, 0)); };
  if (lent() < allowed) borrow(allowed, now);
  allowed = std::min(allowed, lent());
  // What it gets is noted when it is spent.
  note_demand(share, wanted - allowed);
  return allowed;
}

void CapacityCredit::spend(CapacityShare& share, uint64_t size) {
  note_demand(share, size);
  credit_ -= static_cast<int64_t>(size);
  if (level_ != kNoLevel) share.allowance -= static_cast<int64_t>(size);
}

void CapacityCredit::begin_period(uint64_t period, Instant now) {
  // What was not used is anybody's.
  if (credit_ > 0) pool_->give_back(static_cast<uint64_t>(credit_));
  if (credit_ < 0) pool_->charge(static_cast<uint64_t>(-credit_), now);
  credit_ = 0;
  level_ = pool_->report(worker_, period_, demand_, period);
  expected_ = demand_.below(level_);
  demand_.clear();
  period_ = period;
}

void CapacityCredit::enter_period(CapacityShare& share, Instant now) {
  const uint64_t period = period_of(now);
  if (period != period_) begin_period(period, now);
  if (share.period == period) return;
  earn(share, period - share.period);
  share.period = period;
  share.wanted = 0;
  demand_.add(0);
}

void CapacityCredit::earn(CapacityShare& share, uint64_t periods) const {
  // Where there is enough for everybody nobody owes anything.
  if (level_ == kNoLevel) {
    share.allowance = std::max<int64_t>(share.allowance, 0);
    return;
  }
  // A burst of 200 ms, as everywhere.
  constexpr uint64_t kPeriodsSaved = 4;
  const auto most = static_cast<int64_t>(std::max(kPeriodsSaved * level_, kDatagramSaved));
  // Each period pays off what is owed, too, however long ago.
  const int64_t missing = std::max<int64_t>(most - share.allowance, 0);
  const bool all = periods > static_cast<uint64_t>(missing) / level_;
  share.allowance = all ? most : share.allowance + static_cast<int64_t>(periods * level_);
}

void CapacityCredit::note_demand(CapacityShare& share, uint64_t size) {
  // Spent after the period in which it was available: too late to count.
  if (share.period != period_) return;
  demand_.grow(share.wanted, size);
  share.wanted += size;
}

void CapacityCredit::borrow(uint64_t wanted, Instant now) {
  if (now < ask_again_) return;
  // As much as the sessions here are expected to take in this period, and never more than a period
  // of the whole rate; a little more than is wanted where nobody was expected. What is owed is paid
  // first.
  const uint64_t period = pool_->rate() / kPeriodsPerSecond;
  const uint64_t handy = std::max({wanted, std::min(expected_, period), period / 64});
  const uint64_t asked = handy + static_cast<uint64_t>(std::max<int64_t>(-credit_, 0));
  const uint64_t lent = pool_->borrow(asked, now);
  credit_ += static_cast<int64_t>(lent);
  if (lent < asked) ask_again_ = now + milliseconds(1);
}

namespace {

void set_bucket_rate(std::optional<TokenBucket>& bucket, uint64_t rate, uint64_t burst,
                     Instant now) {
  if (rate == 0) return bucket.reset();
  if (bucket) return bucket->set_rate(rate, burst, now);
  bucket.emplace(rate, burst, now);
}

}  // namespace

void set_session_rates(std::unique_ptr<SessionLimits>& limits, const SessionRates& rates,
                       bool always, Instant now) {
  if (!always && rates == SessionRates()) return limits.reset();
  if (!limits) limits = std::make_unique<SessionLimits>();
  for (DirectionLimits* direction : {&limits->from_client, &limits->to_client}) {
    set_bucket_rate(direction->bytes, rates.bytes_per_s, rate_burst(rates.bytes_per_s), now);
    set_bucket_rate(direction->packets, rates.packets_per_s,
                    std::max<uint64_t>(rates.packets_per_s / 5, 10), now);
  }
}

}  // namespace turnpike::turn
