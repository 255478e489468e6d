// What credential.hpp declares.
#ifndef HDIKAFKA_DETAIL_IDENTITY_CREDENTIALS_HPP
#define HDIKAFKA_DETAIL_IDENTITY_CREDENTIALS_HPP

#include <hdikafka/credential.hpp>
#include <hdikafka/detail/call/token_cache.hpp>
#include <hdikafka/detail/identity/azure_cli.hpp>
#include <hdikafka/detail/identity/chain.hpp>
#include <hdikafka/detail/identity/default_source.hpp>
#include <hdikafka/detail/identity/managed_identity.hpp>
#include <hdikafka/detail/identity/sources.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace hdikafka::inline v0_1::detail {

template <class Lazy>
token_source_ptr make_client_secret_source(entra_settings settings, secret text)
{
    return std::make_shared<client_secret_source<Lazy>>(std::move(settings), std::move(text));
}

template <class Lazy>
token_source_ptr make_client_certificate_source(entra_settings settings, certificate_settings certificate)
{
    return std::make_shared<client_certificate_source<Lazy>>(std::move(settings), std::move(certificate));
}

template <class Lazy>
token_source_ptr make_client_assertion_source(entra_settings settings, assertion_function function)
{
    return std::make_shared<client_assertion_source<Lazy>>(std::move(settings), std::move(function));
}

template <class Lazy>
token_source_ptr make_workload_identity_source(entra_settings settings, std::string file)
{
    return std::make_shared<workload_identity_source<Lazy>>(std::move(settings), std::move(file));
}

template <class Lazy>
token_source_ptr make_environment_source(entra_settings settings)
{
    return std::make_shared<environment_source<Lazy>>(std::move(settings));
}

template <class Lazy>
token_source_ptr make_fixed_token_source(secret token)
{
    return std::make_shared<fixed_token_source<Lazy>>(std::move(token));
}

template <class Lazy>
token_source_ptr make_callback_token_source(token_function function, std::string scope)
{
    return std::make_shared<callback_token_source<Lazy>>(std::move(function), std::move(scope));
}

template <class Lazy>
token_source_ptr make_azure_cli_source(azure_cli_settings settings)
{
    return std::make_shared<azure_cli_source<Lazy>>(std::move(settings));
}

template <class Lazy>
token_source_ptr make_chained_source(std::vector<token_source_ptr> sources)
{
    return std::make_shared<chained_source<Lazy>>(std::move(sources));
}

template <class Lazy>
token_source_ptr make_default_source(entra_settings settings)
{
    return std::make_shared<default_source<Lazy>>(std::move(settings));
}

template <class Lazy>
token_source_ptr make_managed_identity_source(managed_identity_settings settings)
{
    return std::make_shared<managed_identity_source<Lazy>>(std::move(settings));
}

template <class Lazy>
token_cache_ptr make_token_cache(token_source_ptr source)
{
    return std::make_shared<token_cache<Lazy>>(std::move(source));
}

} // namespace hdikafka::inline v0_1::detail

#endif
