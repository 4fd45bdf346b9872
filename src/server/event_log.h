// The effects of the core that are only told, as lines in the log.
#pragma once

#include "turn/effects.h"

namespace turnpike::server {

void log_event(const turn::AllocationOpened& event);
void log_event(const turn::AllocationClosed& event);
void log_event(const turn::AllocationMoved& event);
void log_event(const turn::CredentialsRefused& event, Instant now);
void log_event(const turn::RequestRefused& event, Instant now);
// At most one a minute and reason: a browser offers many candidates that nobody may reach.
void log_event(const turn::PeerRefused& event, Instant now);

}  // namespace turnpike::server
