// What a credential is made from.
#ifndef HDIKAFKA_DETAIL_IDENTITY_SETTINGS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_SETTINGS_HPP

#include <hdikafka/detail/base/fwd.hpp>
#include <hdikafka/detail/base/secret.hpp>
#include <hdikafka/version.hpp>

#include <string>
#include <utility>

namespace hdikafka::inline v0_1::detail {

/// What the proxy's tokens are for.
inline constexpr char const* service_scope = "https://hib.azurehdinsight.net/.default";

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

/// Which of the machine's identities, and for what.
class managed_identity_settings
{
public:
    managed_identity_settings() = default;

    std::string client_id; ///< One of the three at most; none: the system-assigned identity.
    std::string object_id;
    std::string resource_id;
    std::string scope = service_scope;
};

/// What a credential becomes: a `Source` of these settings.
template <class Source, class... Settings>
token_source_ptr make_token_source(Settings... settings);

} // namespace hdikafka::inline v0_1::detail

#endif
