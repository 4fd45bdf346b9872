// How one Binding request is to be answered: decided first, written and sent by respond.cc.
#pragma once

#include <optional>

#include "turn/request.h"

namespace turnpike::turn {

// Where an answer goes, and which way.
struct AnswerPath {
  LinkId link;
  Endpoint client;
  Ip server_ip;
};

// The way the request came.
AnswerPath path_back(const ClientRoute& from);

struct BindingPlan {
  AnswerPath path;
  bool redirected = false;         // Goes to another port than the request came from.
  bool reports_addresses = false;  // The attributes of RFC 5780 belong into the answer.
  bool padding = false;
  Endpoint origin;
  std::optional<Endpoint> other;
};

// RFC 5780 section 6.1 up to the sending, where that is served.
Result<BindingPlan, Reject> plan_binding(const Request& request, const Core& core);

// How large the answer may be: a stranger gets no more than he sent, somebody with credentials what
// the RFC says.
struct SizeBound {
  bool limited = true;
  size_t tail = 0;  // What will follow the attributes written here.
};

// An answer with XOR-MAPPED-ADDRESS and nothing else.
size_t bare_answer_size(const Request& request);

void write_binding(const Request& request, const BindingPlan& plan, const Core& core,
                   SizeBound bound, stun::MessageBuilder& success);

}  // namespace turnpike::turn
