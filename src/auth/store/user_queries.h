// Every statement that is run on the user database. Values are always bound, never pasted in.
//
// Some exist twice: for a database with our ninth table and for one as coturn leaves it.
#pragma once

#include <string_view>

namespace turnpike::auth {

// A turnusers_lt row `u` counts as a user when its key can be one: 16 bytes in hexadecimal.
#define TURNPIKE_USABLE_USER "length(u.hmackey) = 32 and u.hmackey not glob '*[^0-9a-fA-F]*'"

// A turnpike_user row `t` belongs to the user `u` and to the same password (see schema.h).
#define TURNPIKE_VALID_SHA256                                                      \
  "t.realm = u.realm and t.name = u.name and lower(t.hmackey) = lower(u.hmackey) " \
  "and length(t.sha256key) = 64 and t.sha256key not glob '*[^0-9a-fA-F]*'"

// Columns: MD5 key, SHA-256 key or NULL.
constexpr std::string_view kFindUser =
    "select u.hmackey, t.sha256key from turnusers_lt u"
    " left join turnpike_user t on " TURNPIKE_VALID_SHA256
    " where u.realm = ?1 and u.name = ?2 and " TURNPIKE_USABLE_USER;
constexpr std::string_view kFindUserOfCoturn =
    "select u.hmackey, null from turnusers_lt u"
    " where u.realm = ?1 and u.name = ?2 and " TURNPIKE_USABLE_USER;

// Which name, if any, a userhash of the ninth table stands for. The name alone decides a userhash,
// so a row that is out of date because of its key still tells.
constexpr std::string_view kFindName =
    "select t.name from turnpike_user t where t.realm = ?1 and t.userhash = ?2";
// The users that kFindName cannot find, and one of them again.
constexpr std::string_view kUsersWithoutUserhash =
    "select u.rowid, u.name from turnusers_lt u"
    " where u.realm = ?1 and " TURNPIKE_USABLE_USER
    " and not exists (select 1 from turnpike_user t where t.realm = u.realm and t.name = u.name)";
constexpr std::string_view kUsersWithoutUserhashOfCoturn =
    "select u.rowid, u.name from turnusers_lt u where u.realm = ?1 and " TURNPIKE_USABLE_USER;
constexpr std::string_view kNameOfRow = "select u.name from turnusers_lt u where u.rowid = ?1";

constexpr std::string_view kHasUsers =
    "select 1 from turnusers_lt u where u.realm = ?1 and " TURNPIKE_USABLE_USER " limit 1";
constexpr std::string_view kHasUserWithoutSha256 =
    "select 1 from turnusers_lt u where u.realm = ?1 and " TURNPIKE_USABLE_USER
    " and not exists (select 1 from turnpike_user t where " TURNPIKE_VALID_SHA256 ") limit 1";
constexpr std::string_view kSecretsOfRealm =
    "select value from turn_secret where realm = ?1 and value <> '' order by value";
constexpr std::string_view kRealmsWithUsers =
    "select distinct u.realm from turnusers_lt u where " TURNPIKE_USABLE_USER " order by u.realm";

constexpr std::string_view kAllowedPeers =
    "select realm, ip_range from allowed_peer_ip order by realm, ip_range";
constexpr std::string_view kDeniedPeers =
    "select realm, ip_range from denied_peer_ip order by realm, ip_range";
constexpr std::string_view kRealmOptions =
    "select opt, value from turn_realm_option where realm = ?1 order by opt";
constexpr std::string_view kUserOptions =
    "select opt, value from turnpike_user_option where realm = ?1 and name = ?2";
constexpr std::string_view kOptionsOfUsers =
    "select name, opt, value from turnpike_user_option where realm = ?1 order by name, opt";
// Whether there is a table of that name.
constexpr std::string_view kHasTable =
    "select 1 from sqlite_schema where type = 'table' and name = ?1";
// How many columns of turnpike_user we know.
constexpr std::string_view kTurnpikeUserColumns =
    "select count(*) from pragma_table_info('turnpike_user')"
    " where name in ('realm', 'name', 'sha256key', 'userhash', 'hmackey')";
constexpr std::string_view kTokenKeys =
    "select kid, ikm_key, as_rs_alg, realm, cast(timestamp as integer), cast(lifetime as integer)"
    " from oauth_key order by kid";
constexpr std::string_view kDataVersion = "pragma data_version";

// For the tools.
constexpr std::string_view kUserExists =
    "select 1 from turnusers_lt where realm = ?1 and name = ?2";
constexpr std::string_view kPutUser =
    "insert into turnusers_lt (realm, name, hmackey) values (?1, ?2, ?3)"
    " on conflict (realm, name) do update set hmackey = excluded.hmackey";
constexpr std::string_view kPutTurnpikeUser =
    "insert or replace into turnpike_user (realm, name, sha256key, userhash, hmackey)"
    " values (?1, ?2, ?3, ?4, ?5)";
constexpr std::string_view kRemoveUser = "delete from turnusers_lt where realm = ?1 and name = ?2";
constexpr std::string_view kRemoveTurnpikeUser =
    "delete from turnpike_user where realm = ?1 and name = ?2";
constexpr std::string_view kPutUserOption =
    "insert or replace into turnpike_user_option (realm, name, opt, value) values (?1, ?2, ?3, ?4)";
constexpr std::string_view kRemoveUserOption =
    "delete from turnpike_user_option where realm = ?1 and name = ?2 and opt = ?3";
constexpr std::string_view kRemoveUserOptions =
    "delete from turnpike_user_option where realm = ?1 and name = ?2";
constexpr std::string_view kPutRealmOption =
    "insert or replace into turn_realm_option (realm, opt, value) values (?1, ?2, ?3)";
constexpr std::string_view kRemoveRealmOption =
    "delete from turn_realm_option where realm = ?1 and opt = ?2";
constexpr std::string_view kListUsers =
    "select u.realm, u.name,"
    " case when exists (select 1 from turnpike_user t where " TURNPIKE_VALID_SHA256
    ") then 'valid'"
    " when exists (select 1 from turnpike_user t where t.realm = u.realm and t.name = u.name)"
    " then 'stale' else 'absent' end"
    " from turnusers_lt u where ?1 = 'all' or u.realm = ?2 order by u.realm, u.name";
constexpr std::string_view kListUsersOfCoturn =
    "select u.realm, u.name, 'absent' from turnusers_lt u"
    " where ?1 = 'all' or u.realm = ?2 order by u.realm, u.name";
constexpr std::string_view kPutSecret =
    "insert into turn_secret (realm, value) values (?1, ?2) on conflict (realm, value) do nothing";
constexpr std::string_view kRemoveSecret =
    "delete from turn_secret where realm = ?1 and value = ?2";
constexpr std::string_view kListSecrets =
    "select realm, value from turn_secret where ?1 = 'all' or realm = ?2 order by realm, value";

constexpr std::string_view kPutAllowedPeer =
    "insert into allowed_peer_ip (realm, ip_range) values (?1, ?2)"
    " on conflict (realm, ip_range) do nothing";
constexpr std::string_view kPutDeniedPeer =
    "insert into denied_peer_ip (realm, ip_range) values (?1, ?2)"
    " on conflict (realm, ip_range) do nothing";
constexpr std::string_view kRemoveAllowedPeer =
    "delete from allowed_peer_ip where realm = ?1 and ip_range = ?2";
constexpr std::string_view kRemoveDeniedPeer =
    "delete from denied_peer_ip where realm = ?1 and ip_range = ?2";
constexpr std::string_view kRemoveRealmOptions = "delete from turn_realm_option where realm = ?1";
constexpr std::string_view kOriginExists = "select 1 from turn_origin_to_realm where origin = ?1";
constexpr std::string_view kOriginLeadsTo =
    "select 1 from turn_origin_to_realm where origin = ?1 and realm = ?2";
constexpr std::string_view kPutOrigin =
    "insert or replace into turn_origin_to_realm (origin, realm) values (?1, ?2)";
constexpr std::string_view kRemoveOrigin =
    "delete from turn_origin_to_realm where origin in (?1, ?2)";
constexpr std::string_view kListRealmOptions =
    "select realm, opt, value from turn_realm_option order by realm, opt";
constexpr std::string_view kListOrigins =
    "select origin, realm from turn_origin_to_realm order by origin";

#undef TURNPIKE_USABLE_USER
#undef TURNPIKE_VALID_SHA256

}  // namespace turnpike::auth
