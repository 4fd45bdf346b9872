// The library's two questions, each waiting and in the caller's loop. What our own code reports by
// a value is passed on; what the C++ library throws (memory) ends here.
#include "turnpike/discovery.h"

#include <exception>
#include <utility>

#include "embed/convert.h"
#include "net/event_loop.h"

namespace turnpike::discovery {
namespace {

// What one question needs while it is open. Destroyed in the reverse order.
template <typename Work, typename Answer>
struct Question {
  explicit Question(event_base& base) : loop(base) {}

  net::EventLoop loop;
  RandomSource random;
  std::function<void(const Answer&)> on_result;
  net::Watch failure;
  std::unique_ptr<Work> work;

  // Mistakes are told as results are: later, from the loop.
  void fail(Status status, std::string message) {
    failure = loop.after(Duration::zero(), [this, status, text = std::move(message)] {
      Answer answer;
      answer.status = status;
      answer.message = text;
      tell(answer);
    });
  }
  void tell(const Answer& answer) {
    const auto callback = std::move(on_result);
    callback(answer);  // May destroy us.
  }
};

// Begins it, or lets it fail from the loop.
template <typename Work, typename Answer, typename Options>
void ask(Question<Work, Answer>& question, const Options& options) {
  auto ours = embed::to_options(options);
  if (!ours) return question.fail(Status::bad_options, ours.error());
  question.work = std::make_unique<Work>(
      question.loop, question.random, std::move(*ours),
      [&question](const auto& report) { question.tell(embed::from_report(report)); });
}

template <typename Work, typename Answer, typename Options>
Answer wait_for(const Options& options) noexcept {
  Answer answer;
  try {
    auto ours = embed::to_options(options);
    if (!ours) {
      answer.status = Status::bad_options;
      answer.message = ours.error();
      return answer;
    }
    // The status is `out_of_resources` already.
    if (!net::EventLoop::has_room()) return answer;
    net::EventLoop loop;
    RandomSource random;
    bool done = false;
    const Work work(loop, random, std::move(*ours), [&](const auto& report) {
      answer = embed::from_report(report);
      done = true;
    });
    while (!done) loop.run_turn(net::EventLoop::kForever);
  } catch (const std::exception&) {
    answer = {};
  }
  return answer;
}

}  // namespace

struct PublicAddressSearch::State : Question<client::Discovery, PublicAddress> {
  using Question::Question;
};

struct NatTest::State : Question<client::NatProbe, Nat> {
  using Question::Question;
};

PublicAddress find_public_address(const Options& options) noexcept {
  return wait_for<client::Discovery, PublicAddress>(options);
}

Nat test_nat(const NatOptions& options) noexcept {
  return wait_for<client::NatProbe, Nat>(options);
}

PublicAddressSearch::PublicAddressSearch(std::unique_ptr<State> state) noexcept
    : state_(std::move(state)) {}
PublicAddressSearch::~PublicAddressSearch() = default;

std::unique_ptr<PublicAddressSearch> PublicAddressSearch::start(event_base* base,
                                                                const Options& options,
                                                                Callback on_result) noexcept {
  try {
    auto state = std::make_unique<State>(*base);
    state->on_result = std::move(on_result);
    ask(*state, options);
    return std::unique_ptr<PublicAddressSearch>(new PublicAddressSearch(std::move(state)));
  } catch (const std::exception&) {
    return nullptr;
  }
}

NatTest::NatTest(std::unique_ptr<State> state) noexcept : state_(std::move(state)) {}
NatTest::~NatTest() = default;

std::unique_ptr<NatTest> NatTest::start(event_base* base, const NatOptions& options,
                                        Callback on_result) noexcept {
  try {
    auto state = std::make_unique<State>(*base);
    state->on_result = std::move(on_result);
    ask(*state, options);
    return std::unique_ptr<NatTest>(new NatTest(std::move(state)));
  } catch (const std::exception&) {
    return nullptr;
  }
}

}  // namespace turnpike::discovery
