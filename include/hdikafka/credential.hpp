// Credentials: who the program is, and how it proves it. Layer: what users see.
#ifndef HDIKAFKA_CREDENTIAL_HPP
#define HDIKAFKA_CREDENTIAL_HPP

#include <hdikafka/access_token.hpp>
#include <hdikafka/detail/asio.hpp>
#include <hdikafka/detail/handles.hpp>
#include <hdikafka/detail/token_settings.hpp>

#include <concepts>
#include <functional>
#include <string>
#include <utility>

namespace hdikafka::inline v0_1 {

namespace detail {

template <class = void>
token_source_ptr make_client_secret_source(entra_settings settings, std::string secret);
template <class = void>
token_source_ptr make_fixed_token_source(std::string token);
template <class = void>
token_source_ptr make_callback_token_source(token_function function);
template <class = void>
token_cache_ptr make_token_cache(token_source_ptr source);

} // namespace detail

/// A service principal with a secret: asks Entra for a token with the client-credentials grant.
///
/// The tenant is a GUID or a domain. Bad values are told by the first call that needs a token
/// (errc::invalid_option, errc::invalid_endpoint); Entra's own refusals as errc::token_refused.
class client_secret_credential
{
public:
    /// The application (client) id and a secret of it, in the tenant.
    client_secret_credential(std::string tenant, std::string client_id, std::string secret)
        : settings_(std::move(tenant), std::move(client_id)), secret_(std::move(secret))
    {}

    /// Another authority than AZURE_AUTHORITY_HOST or https://login.microsoftonline.com. https only.
    client_secret_credential& authority_host(std::string url) &
    {
        settings_.authority_host = std::move(url);
        return *this;
    }
    client_secret_credential&& authority_host(std::string url) &&
    {
        return std::move(authority_host(std::move(url)));
    }

    /// Another scope than https://hib.azurehdinsight.net/.default.
    client_secret_credential& scope(std::string scope) &
    {
        settings_.scope = std::move(scope);
        return *this;
    }
    client_secret_credential&& scope(std::string scope) &&
    {
        return std::move(this->scope(std::move(scope)));
    }

    /// For hk::credential. A template, so that it is compiled only when used.
    template <class Lazy = void>
    detail::token_source_ptr make_source() &&
    {
        return detail::make_client_secret_source<Lazy>(std::move(settings_), std::move(secret_));
    }

private:
    detail::entra_settings settings_;
    std::string secret_;
};

/// A token that the program got elsewhere. It is used until the service refuses it (errc::unauthorized).
class bearer_token
{
public:
    /// Without "Bearer". Characters that no token has are told by the first call: errc::invalid_option.
    explicit bearer_token(std::string token) : token_(std::move(token)) {}

    /// For hk::credential.
    template <class Lazy = void>
    detail::token_source_ptr make_source() &&
    {
        return detail::make_fixed_token_source<Lazy>(std::move(token_));
    }

private:
    std::string token_;
};

/// Tokens from the program's own function, `awaitable<access_token>()`: called when none is cached, in
/// the background before one expires, and once when the service refuses one. Never twice at a time, unless
/// it goes on when it is cancelled: after a minute, or when the client that needs the token is closed. It
/// runs on that client's executor; what it throws becomes the call's error.
class token_callback
{
public:
    /// The function is kept as long as any copy of the credential, and may be called from any thread of the
    /// client's executor.
    explicit token_callback(std::function<net::awaitable<access_token>()> function)
        : function_(std::move(function))
    {}

    /// For hk::credential.
    template <class Lazy = void>
    detail::token_source_ptr make_source() &&
    {
        return detail::make_callback_token_source<Lazy>(std::move(function_));
    }

private:
    std::function<net::awaitable<access_token>()> function_;
};

/// Any of the credentials above, type-erased, with its token cache. Copies share the cache: clients that
/// are given the same credential ask for one token together. Thread-safe.
class credential
{
public:
    /// None: calls fail with errc::no_credential.
    credential() = default;

    /// From one of the above.
    template <class Kind>
    requires requires(Kind kind)
    {
        {
            std::move(kind).make_source()
            } -> std::same_as<detail::token_source_ptr>;
    }
    credential(Kind kind) : cache_(detail::make_token_cache<>(std::move(kind).make_source())) {}

    explicit operator bool() const noexcept { return cache_ != nullptr; }

    /// For the library.
    detail::token_cache_ptr const& cache() const noexcept { return cache_; }

private:
    detail::token_cache_ptr cache_;
};

} // namespace hdikafka::inline v0_1

#ifndef HDIKAFKA_SEPARATE_COMPILATION
#include <hdikafka/impl/credential.hpp>
#endif

#endif
