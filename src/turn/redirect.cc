#include "turn/redirect.h"

#include <algorithm>

#include "turn/core.h"

namespace turnpike::turn {

std::optional<Endpoint> choose_alternate(const Request& request, Core& core) {
  if (!core.alternates || core.alternates->empty()) return {};
  const FiveTuple& tuple = request.from.tuple;
  // RFC 8489 section 14.15: of the family of the request's source. It is also to be reached by the
  // same transport (section 10).
  const auto fits = [&](const AlternateServer& alternate) {
    return alternate.address.ip.family() == tuple.client.ip.family() &&
           alternate.serves(tuple.transport);
  };
  const auto count = std::count_if(core.alternates->begin(), core.alternates->end(), fits);
  if (count == 0) return {};
  auto left = static_cast<ptrdiff_t>(core.next_alternate++ % static_cast<uint64_t>(count));
  const auto chosen = std::find_if(
      core.alternates->begin(), core.alternates->end(),
      [&](const AlternateServer& alternate) { return fits(alternate) && left-- == 0; });
  // Where the list has this server itself, it takes its share.
  const std::vector<Endpoint>& own = core.own_alternates;
  const bool is_own = std::find(own.begin(), own.end(), chosen->address) != own.end();
  if (is_own || chosen->address == tuple.server) return {};
  return chosen->address;
}

}  // namespace turnpike::turn
