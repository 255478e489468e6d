// What a credential is made from.
#ifndef HDIKAFKA_DETAIL_IDENTITY_SETTINGS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_SETTINGS_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/detail/identity/managed_identity_settings.hpp>
#include <hdikafka/detail/run/asio.hpp>

#include <functional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// Where the client-credentials grant is asked for, and for what.
class entra_settings
{
public:
    entra_settings() = default;
    entra_settings(std::string tenant_id, std::string client)
        : tenant(std::move(tenant_id)), client_id(std::move(client))
    {}

    std::string tenant;
    std::string client_id;
    std::string authority_host; ///< empty: AZURE_AUTHORITY_HOST, else the public cloud's
    std::string scope = service_scope;
};

/// Where a client's certificate is, and how it signs.
class certificate_settings
{
public:
    certificate_settings() = default;

    std::string path;
    secret passphrase;
    bool rs256 = false;       ///< Otherwise PS256.
    bool whole_chain = false; ///< Sends the certificates too.
};

class azure_cli_settings
{
public:
    azure_cli_settings() = default;

    std::string tenant; ///< Empty: that of the active subscription.
    std::string scope = service_scope;
};

/// A program's own source of assertions.
using assertion_function = std::function<net::awaitable<std::string>()>;

/// A program's own source of tokens.
using token_function = std::function<net::awaitable<access_token>(token_request)>;

} // namespace hdikafka::inline v0_1::detail

#endif
