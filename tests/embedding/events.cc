// Usage: events SERVER SERVER. Several questions at once on a base of ours, one of them given up.
#include <cstdio>
#include <memory>

#include <event2/event.h>
#include <turnpike/discovery.h>

namespace discovery = turnpike::discovery;

int main(int argc, char** argv) {
  // Declared first, so that the test and the searches go before it does.
  const std::unique_ptr<event_base, void (*)(event_base*)> owner(event_base_new(), event_base_free);
  event_base* base = owner.get();
  discovery::Options options;
  for (int i = 1; i < argc; ++i) options.servers.emplace_back(argv[i]);
  options.patience = std::chrono::seconds(2);

  int open = 3;
  const auto one_less = [&open, base] {
    if (--open == 0) event_base_loopbreak(base);
  };
  std::unique_ptr<discovery::PublicAddressSearch> search;
  search = discovery::PublicAddressSearch::start(
      base, options, [&](const discovery::PublicAddress& found) {
        std::printf("address %d %s\n", static_cast<int>(found.status), found.address.ip.c_str());
        search.reset();  // It may end itself.
        one_less();
      });
  discovery::NatOptions nat_options;
  nat_options.where = options;
  const auto test = discovery::NatTest::start(base, nat_options, [&](const discovery::Nat& nat) {
    std::printf("nat %d %s\n", static_cast<int>(nat.status), nat.name.c_str());
    one_less();
  });
  discovery::Options bad = options;
  bad.servers = {"no server at all"};
  const auto wrong =
      discovery::PublicAddressSearch::start(base, bad, [&](const discovery::PublicAddress& found) {
        std::printf("wrong %d %s\n", static_cast<int>(found.status), found.message.c_str());
        one_less();
      });
  auto given_up = discovery::PublicAddressSearch::start(
      base, options, [](const discovery::PublicAddress&) { std::printf("never\n"); });
  given_up.reset();
  if (!search || !test || !wrong) return 1;

  event_base_dispatch(base);
  const bool all = open == 0;
  std::printf(all ? "done\n" : "the loop ran dry\n");
  return all ? 0 : 1;
}
