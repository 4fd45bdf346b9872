#include "turn/behavior_discovery.h"

namespace turnpike::turn {

std::optional<SquarePosition> BehaviorDiscovery::find(const Endpoint& local) const {
  for (const AddressSquare& square : squares) {
    for (size_t i = 0; i < square.corners.size(); ++i) {
      if (square.corners.at(i).local == local) return SquarePosition{&square, i};
    }
  }
  return {};
}

}  // namespace turnpike::turn
