// A published address written into the configuration of other programs, in its text: what else
// stands there stays as it is. Doing it twice changes nothing the second time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "nat/mapping_text.h"

namespace turnpike::nat {

enum class Template : uint8_t {
  json,        // SERVER_ADDR, SERVER_PUBLIC_PORT; SERVER_PORT where it is missing.
  env,         // The same and SERVER_IP, as KEY=VALUE lines.
  kamailio,    // PUBLICIP, PUBLICPORT and what `listen` lines of that port advertise.
  freeswitch,  // external_sip_ip and external_rtp_ip, ext-sip-ip and ext-rtp-ip.
  pm2,  // SERVER_IP, SERVER_ADDR and SERVER_PUBLIC_PORT in the env blocks of an ecosystem file.
};
std::optional<Template> parse_template(std::string_view text);

// Whether an empty or missing file can be filled, too.
bool can_create(Template form);

// The text with the address in it. The error says why the text is no file of that kind, or has no
// place for the address.
Result<std::string, std::string> fill_in(Template form, std::string_view text,
                                         const PublishedAddress& address);

}  // namespace turnpike::nat
