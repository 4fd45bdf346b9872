#include "auth/store/schema.h"

namespace turnpike::auth {

const std::array<Table, 9> kUserDatabaseTables = {
    Table{"turnusers_lt",
          "create table turnusers_lt (\n"
          "  realm varchar(127) default '',\n"
          "  name varchar(512),\n"
          "  hmackey char(128),\n"
          "  primary key (realm, name))"},
    Table{"turn_secret",
          "create table turn_secret (\n"
          "  realm varchar(127) default '',\n"
          "  value varchar(127),\n"
          "  primary key (realm, value))"},
    Table{"allowed_peer_ip",
          "create table allowed_peer_ip (\n"
          "  realm varchar(127) default '',\n"
          "  ip_range varchar(256),\n"
          "  primary key (realm, ip_range))"},
    Table{"denied_peer_ip",
          "create table denied_peer_ip (\n"
          "  realm varchar(127) default '',\n"
          "  ip_range varchar(256),\n"
          "  primary key (realm, ip_range))"},
    Table{"turn_origin_to_realm",
          "create table turn_origin_to_realm (\n"
          "  origin varchar(127),\n"
          "  realm varchar(127),\n"
          "  primary key (origin))"},
    Table{"turn_realm_option",
          "create table turn_realm_option (\n"
          "  realm varchar(127) default '',\n"
          "  opt varchar(32),\n"
          "  value varchar(128),\n"
          "  primary key (realm, opt))"},
    Table{"oauth_key",
          "create table oauth_key (\n"
          "  kid varchar(128),\n"
          "  ikm_key varchar(256),\n"
          "  timestamp bigint default 0,\n"
          "  lifetime integer default 0,\n"
          "  as_rs_alg varchar(64) default '',\n"
          "  realm varchar(127) default '',\n"
          "  primary key (kid))"},
    Table{"admin_user",
          "create table admin_user (\n"
          "  name varchar(32),\n"
          "  realm varchar(127),\n"
          "  password varchar(127),\n"
          "  primary key (name))"},
    Table{"turnpike_user",
          "create table turnpike_user (\n"
          "  realm varchar(127) default '',\n"
          "  name varchar(512),\n"
          "  sha256key char(64),\n"
          "  userhash char(64),\n"
          "  hmackey char(32),\n"
          "  primary key (realm, name),\n"
          "  unique (realm, userhash))"},
};

const Table kUserOptionTable = {"turnpike_user_option",
                                "create table if not exists turnpike_user_option (\n"
                                "  realm varchar(127) default '',\n"
                                "  name varchar(512),\n"
                                "  opt varchar(32),\n"
                                "  value varchar(128),\n"
                                "  primary key (realm, name, opt))"};

}  // namespace turnpike::auth
