"""Environments, policies and chat models by name."""

from collections.abc import Sequence
from pathlib import Path

from wm_pipeline.collect.worker import OpenEnvironment
from wm_pipeline.domain.chat import LOCAL, LlmSettings
from wm_pipeline.domain.ports import ChatModel, Policy
from wm_pipeline.environments.applications.application import ApplicationFile, load_application
from wm_pipeline.environments.applications.environment import open_application
from wm_pipeline.environments.browser.chromium import find_chromium
from wm_pipeline.environments.miniwob import MiniWobEnvironment, miniwob_version
from wm_pipeline.environments.sites.environment import open_site_environment
from wm_pipeline.gateways.llm_client import LlmClient
from wm_pipeline.policies.named import make_policy, policy_entry
from wm_pipeline.rounds.graph import ASSET
from wm_pipeline.rounds.names import MINIWOB


async def open_environment(site: str, chromium: str | None, applications: Sequence[str] = ()) -> OpenEnvironment:
    """The environment that worlds of a site run in; picklable as a partial, so that workers can start their own."""
    binary = find_chromium(chromium)
    own = application_of(site, applications)
    if own is not None:
        application = await open_application(own, binary)
        return OpenEnvironment(application, f"third-party-{own.version}", application.browser_version)
    if site == MINIWOB:
        miniwob = await MiniWobEnvironment.launch(binary)
        return OpenEnvironment(miniwob, f"miniwob-{miniwob_version()}", miniwob.browser_version)
    sites = await open_site_environment(binary)
    return OpenEnvironment(sites, f"sites-{ASSET['raw_trajectories'].code_version}", sites.browser_version)


def policy_of(llm: LlmSettings | None, llm_key: str, name: str) -> Policy:
    """A policy by name, with the configured language model behind it where it asks one; picklable as a partial."""
    return make_policy(name, None if llm is None or not policy_entry(name).asks_model else _chat_model(llm, llm_key))


def _chat_model(llm: LlmSettings, llm_key: str) -> ChatModel:
    if llm.url != LOCAL:
        return LlmClient(llm, api_key=llm_key)
    # Torch is loaded only where a model is run.
    from wm_pipeline.model.local_chat import LocalChatModel

    return LocalChatModel(llm)


def application_of(site: str, applications: Sequence[str]) -> ApplicationFile | None:
    """The application of that name; None when the site is one of ours."""
    file = next((file for file in applications if Path(file).stem == site), None)
    return None if file is None else load_application(Path(file))
