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

class client_secret_settings : public entra_settings
{
public:
    client_secret_settings(entra_settings who, secret what)
        : entra_settings(std::move(who)), text(std::move(what))
    {}

    secret text;
};

/// Where a client's certificate is, and how it signs.
class client_certificate_settings : public entra_settings
{
public:
    client_certificate_settings() = default;
    explicit client_certificate_settings(entra_settings who) : entra_settings(std::move(who)) {}

    std::string path;
    secret passphrase;
    bool rs256 = false;       ///< Otherwise PS256.
    bool whole_chain = false; ///< Sends the certificates too.
};

class workload_identity_settings : public entra_settings
{
public:
    workload_identity_settings() = default;
    explicit workload_identity_settings(entra_settings who) : entra_settings(std::move(who)) {}

    std::string file; ///< With the assertion; empty: AZURE_FEDERATED_TOKEN_FILE.
};

class azure_cli_settings
{
public:
    std::string tenant; ///< Empty: that of the active subscription.
    std::string scope = service_scope;
};

/// Which of the machine's identities, and for what.
class managed_identity_settings
{
public:
    std::string client_id; ///< One of the three at most; none: the system-assigned identity.
    std::string object_id;
    std::string resource_id;
    std::string scope = service_scope;
};

template <class>
class client_secret_source;
template <class>
class client_certificate_source;
template <class>
class client_assertion_source;
template <class>
class workload_identity_source;
template <class>
class environment_source;
template <class>
class managed_identity_source;
template <class>
class azure_cli_source;
template <class>
class fixed_token_source;
template <class>
class callback_token_source;
template <class>
class chained_source;
template <class>
class default_source;

template <class Source, class Settings>
token_source_ptr make_token_source(Settings settings);

/// A kind of credential: settings, of which `Source` is made.
template <class Kind, template <class> class Source, class Settings>
class credential_of
{
public:
    /// For hk::credential. A template, so that it is compiled only when used.
    template <class Lazy = void>
    token_source_ptr make_source() &&
    {
        return make_token_source<Source<Lazy>>(std::move(settings_));
    }

protected:
    // NOLINTBEGIN(bugprone-crtp-constructor-accessibility): what several kinds share may lie between
    credential_of() = default;
    explicit credential_of(Settings settings) : settings_(std::move(settings)) {}
    // NOLINTEND(bugprone-crtp-constructor-accessibility)

    /// For the setters.
    template <class Setting>
    Kind& set(Setting& setting, Setting value)
    {
        setting = std::move(value);
        return static_cast<Kind&>(*this);
    }

    Settings settings_;
};

} // namespace hdikafka::inline v0_1::detail

#endif
