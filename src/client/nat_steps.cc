// What the end of each trial of a NAT test means, and what is asked next.
#include "client/nat_session.h"

namespace turnpike::client {

using End = Trial::End;

namespace {

constexpr size_t kFragmentedAnswer = 1472;

constexpr const char* kOpened = "other ports are filtered by address and port: this one was opened";
constexpr const char* kUsed =
    "this port has spoken to the server's other address lately: what other ports let in counts";
constexpr const char* kOpenedOrUsed =
    "this port lets in what others don't: it was opened, or has spoken to the server's other "
    "address lately; wait some minutes, or name another server";
constexpr const char* kNotCompared = "filtering could not be compared with that of another port";

}  // namespace

NatSession::Step NatSession::after(Step step) {
  const bool answered = trial_->end() == End::answered;
  switch (step) {
    case Step::first:
      return after_first();
    case Step::loss:
      if (other_) return Step::filter_both;
      note("filtering takes a server with two addresses (RFC 5780)");
      return second_server() ? Step::map_ip : after_mapping();
    case Step::filter_both:
      return after_filter_both();
    case Step::filter_port:
      return after_filter_port();
    case Step::clean_open:
      if (!answered) return compare_filtering(NatBehavior::unknown);
      clean_mapped_ = seen();
      return Step::clean_both;
    case Step::clean_both:
      return after_clean_both();
    case Step::clean_port:
      return after_clean_port();
    case Step::map_ip:
      return after_map_ip();
    case Step::map_again:
      return after_map_again();
    case Step::map_port:
      return after_map_port();
    case Step::fresh_a:
      if (!answered) return after_mapping();
      fresh_a_ = seen();
      return Step::fresh_b;
    case Step::fresh_b:
      if (!answered) return after_mapping();
      fresh_b_ = seen();
      return Step::fresh_c;
    case Step::fresh_c:
      return after_fresh_c();
    case Step::open_a:
      return answered ? Step::open_b : after_verify();
    case Step::open_b:
      return answered ? Step::verify : after_verify();
    case Step::verify:
      return after_verify();
    case Step::hairpin_open:
      if (!answered) return after_hairpin();
      hairpin_mapped_ = seen();
      return Step::hairpin;
    case Step::hairpin:
      return after_hairpin();
    case Step::long_question:
      return answered ? Step::fragments_out : begin_lifetime();
    case Step::fragments_out:
      return after_fragments_out();
    case Step::long_answer:
      return after_long_answer();
    case Step::strange_question:
      // What is not left unanswered for being strange was answered, and lost.
      if (answered || trial_->end() == End::rejected) result_.fragments_in = false;
      return begin_lifetime();
    case Step::fragments_in:
      return after_fragments_in();
    case Step::lifetime_open:
      return after_lifetime_open();
    case Step::lifetime_try:
      return after_lifetime_try();
    case Step::lifetime_test:
      return after_lifetime_test();
    case Step::survey:
    case Step::lifetime_wait:
    case Step::done:
      break;
  }
  return Step::done;
}

NatSession::Step NatSession::after_first() {
  if (trial_->end() != End::answered) {
    note("the port under test got no answer from " + server_.to_string());
    return Step::done;
  }
  mapped_ = seen();
  result_.mapped = mapped_;
  result_.local = locals_[slot(0)];
  const bool untranslated = mapped_ == result_.local;
  result_.presence = untranslated ? NatPresence::none : NatPresence::translated;
  if (!untranslated) result_.port_preserved = mapped_.port == result_.local.port;
  if (over_udp()) return Step::loss;
  if (!settings_.filtering_elsewhere) {
    note(
        "filtering over TCP takes a server that connects back (tcp-connect-back), and a user's "
        "name and password for it");
  }
  return other_ || second_server() ? Step::map_ip : after_mapping();
}

// RFC 5780 section 4.4: an answer from an address and port that was never spoken to.
NatSession::Step NatSession::after_filter_both() {
  switch (trial_->end()) {
    case End::answered:
      result_.filtering = NatBehavior::endpoint_independent;
      result_.filtering_proven = true;
      return settings_.named_port ? Step::filter_port : Step::map_ip;
    case End::silent:
      return Step::filter_port;
    case End::from_elsewhere:
      note("the server answers requests to change address from " +
           trial_->answered_from().to_string() + " and not from " + other_->to_string() +
           ": it can't test filtering");
      return Step::map_ip;
    case End::rejected:
      note("the server refuses to change its address");
      return Step::map_ip;
    case End::running:
    case End::too_lossy:
    case End::mapping_changed:
      break;
  }
  note("too much loss to test filtering");
  return Step::map_ip;
}

NatSession::Step NatSession::after_filter_port() {
  const bool open = result_.filtering == NatBehavior::endpoint_independent;
  if (trial_->end() == End::answered) port_answered_ = true;
  if (trial_->end() == End::silent) port_answered_ = false;
  if (open) return Step::clean_open;
  if (port_answered_ == true) {
    result_.filtering = NatBehavior::address_dependent;
    return settings_.named_port ? Step::clean_open : Step::map_ip;
  }
  if (port_answered_ == false) {
    result_.filtering = NatBehavior::address_and_port_dependent;
  } else {
    note("filtering by port could not be tested");
  }
  return Step::map_ip;
}

NatSession::Step NatSession::after_clean_both() {
  if (trial_->end() == End::answered) return compare_filtering(NatBehavior::endpoint_independent);
  return trial_->end() == End::silent ? Step::clean_port : compare_filtering(NatBehavior::unknown);
}

NatSession::Step NatSession::after_clean_port() {
  if (trial_->end() == End::answered) return compare_filtering(NatBehavior::address_dependent);
  return compare_filtering(trial_->end() == End::silent ? NatBehavior::address_and_port_dependent
                                                        : NatBehavior::unknown);
}

// A port that somebody has used before us may have opened the filter towards the server's
// addresses: it looks as open as one that was forwarded. `clean` is what the NAT does to a port
// that has spoken to one address alone.
NatSession::Step NatSession::compare_filtering(NatBehavior clean) {
  const NatBehavior seen = result_.filtering;
  if (clean == NatBehavior::endpoint_independent || clean == seen) return Step::map_ip;
  const bool by_port = clean == NatBehavior::address_and_port_dependent;
  if (by_port && seen == NatBehavior::endpoint_independent && port_answered_ == true) {
    // A look from here, or `discover`, opens it for one address and port of two, not for both.
    note(kOpened);
    return Step::map_ip;
  }
  result_.filtering_proven = false;
  if (by_port && port_answered_) {
    result_.filtering = clean;
    note(kUsed);
    return Step::map_ip;
  }
  result_.filtering = NatBehavior::unknown;
  note(by_port || clean == NatBehavior::unknown ? kNotCompared : kOpenedOrUsed);
  return Step::map_ip;
}

NatSession::Step NatSession::after_map_ip() {
  const bool answered = trial_->end() == End::answered;
  if (!answered) {
    // A second address that nobody reaches: another server may do in its place.
    note(trial_->plan().to->to_string() + " does not answer");
    tried_second_.push_back(*trial_->plan().to);
    if (other_) {
      if (result_.filtering != NatBehavior::endpoint_independent) {
        result_.filtering = NatBehavior::unknown;
      }
      other_.reset();
    }
    return second_server() ? Step::map_ip : after_mapping();
  }
  second_mapped_ = seen();
  if (second_mapped_ == mapped_) {
    result_.mapping = NatBehavior::endpoint_independent;
    return after_mapping();
  }
  result_.mapping = NatBehavior::endpoint_dependent;
  return over_udp() ? Step::map_again : after_map_again();
}

NatSession::Step NatSession::after_map_again() {
  if (!other_) return after_mapping();
  // Over UDP the filter tests may have let the server's second address in through this port's
  // mapping, which then would be used again: another port tells.
  return over_udp() ? Step::fresh_a : Step::map_port;
}

NatSession::Step NatSession::after_map_port() {
  if (trial_->end() == End::answered) {
    result_.mapping = seen() == second_mapped_ ? NatBehavior::address_dependent
                                               : NatBehavior::address_and_port_dependent;
  }
  return after_mapping();
}

NatSession::Step NatSession::after_fresh_c() {
  if (trial_->end() != End::answered) return after_mapping();
  if (fresh_b_ == fresh_a_) {
    note("two ports of this host are mapped differently");
  } else {
    result_.mapping = seen() == fresh_b_ ? NatBehavior::address_dependent
                                         : NatBehavior::address_and_port_dependent;
  }
  return after_mapping();
}

NatSession::Step NatSession::after_mapping() {
  if (result_.presence == NatPresence::none && result_.mapping == NatBehavior::unknown) {
    result_.mapping = NatBehavior::endpoint_independent;
  }
  if (result_.mapping == NatBehavior::unknown) {
    note("mapping takes a second server at another address");
  }
  const bool by_silence = result_.filtering == NatBehavior::address_dependent ||
                          result_.filtering == NatBehavior::address_and_port_dependent;
  // Silence was blamed on the NAT; a server that never changes its address would look the same.
  // Where the mapping is one for all destinations, a port that has spoken to both of the server's
  // addresses must get the answer.
  if (by_silence && other_ && result_.mapping == NatBehavior::endpoint_independent) {
    return Step::open_a;
  }
  return conclude();
}

NatSession::Step NatSession::after_verify() {
  if (step_ == Step::verify && trial_->end() == End::answered) {
    result_.filtering_proven = true;
  } else {
    result_.filtering = NatBehavior::unknown;
    note("the server does not answer from " + other_->to_string() +
         " even where nothing filters it: it can't test filtering");
  }
  return conclude();
}

NatSession::Step NatSession::conclude() {
  if (over_udp() && settings_.test_hairpin && result_.presence == NatPresence::translated) {
    return Step::hairpin_open;
  }
  return after_hairpin();
}

NatSession::Step NatSession::after_hairpin() {
  if (step_ == Step::hairpin) {
    if (trial_->end() == End::answered) result_.hairpin = true;
    if (trial_->end() == End::silent) result_.hairpin = false;
  }
  if (over_udp() && settings_.test_fragments) return Step::long_question;
  return begin_lifetime();
}

NatSession::Step NatSession::after_fragments_out() {
  if (trial_->end() == End::answered) result_.fragments_out = true;
  if (trial_->end() == End::silent) result_.fragments_out = false;
  // What does not get out is not answered.
  return result_.fragments_out == true ? Step::long_answer : begin_lifetime();
}

NatSession::Step NatSession::after_long_answer() {
  if (trial_->end() == End::silent) return Step::strange_question;
  if (trial_->end() != End::answered || trial_->answer().padding == 0) return begin_lifetime();
  return trial_->answer().padding < kFragmentedAnswer ? Step::fragments_in : after_fragments_in();
}

NatSession::Step NatSession::after_fragments_in() {
  if (trial_->end() == End::answered && trial_->answer().padding >= kFragmentedAnswer) {
    result_.fragments_in = true;
  }
  if (trial_->end() == End::silent) result_.fragments_in = false;
  return begin_lifetime();
}

}  // namespace turnpike::client
