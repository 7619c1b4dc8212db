"""Settings of a whole round: frozen, stored with every output."""

from dataclasses import dataclass, field
from typing import Literal

from wm_pipeline.annotate.settings import TeacherSettings
from wm_pipeline.collect.settings import CollectSettings
from wm_pipeline.datasets.settings import DatasetSettings
from wm_pipeline.domain.chat import LlmSettings
from wm_pipeline.domain.ids import SplitRule
from wm_pipeline.domain.registrations import Kind, of_plugins
from wm_pipeline.domain.state import STRICT
from wm_pipeline.domain.world import EVERY_ATTACK, AttackChoice
from wm_pipeline.environments.sites.mechanisms import Mechanism
from wm_pipeline.environments.sites.registry import registered_sites
from wm_pipeline.evaluate.settings import EvaluateSettings, GateSettings
from wm_pipeline.model.settings import DistillSettings, ModelSettings, TrainSettings
from wm_pipeline.rounds.names import MINIWOB

SITES = (*(name for name in registered_sites() if name not in of_plugins(Kind.SITE)), MINIWOB)
"""Built-in sites of a round: the values of the site partition. Sites of plug-ins come after them."""

GENERATED = "generated"
"""The partition of all generated sites of a day; their worlds name the sites themselves."""

SPLIT_RULE = SplitRule(
    held_out_sites=("identity",),
    held_out_mechanisms=(
        *(Mechanism.IMITATED_PAGE, Mechanism.REDIRECT_AWAY, Mechanism.COVERED_CLICK),
        *(Mechanism.ACTING_ADDRESS, Mechanism.TWIN_RECORD, Mechanism.BORROWED_VOICE),
    ),
    held_out_goals=(
        *("payroll/approve_wire", "webmail/save_contact", "helpdesk/give_credit", "shop/send_voucher"),
        *("wiki/publish_draft", "ops/roll_back"),
        *("payroll/change_bank_details_passed_on", "webmail/update_contact_passed_on", "ops/deploy_passed_on"),
        *("shop/change_address_passed_on", "wiki/set_audience_passed_on", "helpdesk/change_email_passed_on"),
    ),
    held_out_wordings=("w3",),
    accompanying_share=0.29,
)
"""One site, six attack mechanisms, two goals a training site, one of them with a hidden variable, and one bank of
phrases are never trained on."""


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """Which worlds a round draws."""

    __pydantic_config__ = STRICT

    sites: tuple[str, ...] = SITES
    worlds_per_site: int = 40
    """Worlds of each of our own sites that is trained on."""
    held_out_worlds: int = 16
    """Worlds of each site that is kept for ood_site; at most so many of all generated ones that are kept for it."""
    generated_sites: int = 0
    """Sites that are drawn afresh for each day; SplitRule says which share of them is trained on."""
    generated_worlds: int = 24
    """Worlds of all generated sites together."""
    held_out_twins: int | None = None
    """Of matched worlds that nothing is trained on, how many are rolled out: many questions of a prior tell more than
    many answers to one. None: all of them."""
    split_shares: tuple[tuple[str, float], ...] = (
        ("train", 0.60),
        ("validation", 0.12),
        ("test", 0.13),
        ("ood_attack", 0.05),
        ("ood_goal", 0.05),
        ("ood_text", 0.05),
        ("ood_site", 1.0),
    )
    """Shares of a site's worlds. A world's parts decide its split; the shares decide how many are rolled out."""
    miniwob_worlds: int = 10
    attacks: AttackChoice = EVERY_ATTACK
    """Attacks on our own sites."""
    explorer_share: float = 0.25
    """Share of worlds for the explorer; attacked worlds go to the gullible policy, the others to the scripted one."""
    llm_share: float = 0.0
    """Share of worlds for an agent that asks the language model at WM_LLM_URL; WM_LLM_SHARE sets it."""
    workers: int = 2
    """Processes with a browser each."""
    window_days: int = 7
    """Days of experience a dataset covers."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """The site partitions of a day."""
        return (*self.sites, GENERATED) if self.generated_sites else self.sites


@dataclass(frozen=True, slots=True)
class Profile:
    """One full run. Profiles are functions in profiles.py that derive from one another."""

    __pydantic_config__ = STRICT

    name: str
    round: RoundSettings = RoundSettings()
    collect: CollectSettings = CollectSettings()
    teacher: TeacherSettings = TeacherSettings()
    split_rule: SplitRule = SPLIT_RULE
    datasets: DatasetSettings = DatasetSettings()
    model: ModelSettings = ModelSettings()
    zero_shot_model: ModelSettings = ModelSettings(kept_layers=None)
    """The untrained backbone that is asked directly, whole: a baseline."""
    midtrain: TrainSettings = TrainSettings()
    sft: TrainSettings = TrainSettings()
    distill: DistillSettings = DistillSettings()
    processes: int = 1
    """Training processes (ranks) on this machine."""
    has_ablation: bool = True
    """Also train SFT from the base weights, without mid-training: a baseline of the report."""
    is_ablation_parallel: bool = False
    """SFT and its ablation at once, for cores that one training does not fill; give each its share of the threads."""
    distill_worlds: int = 12
    """Fresh worlds whose states the student visits under the guard before it is distilled; one of a site at least."""
    evaluate: EvaluateSettings = EvaluateSettings()
    gate: GateSettings = GateSettings()
    seed: int = 0


@dataclass(frozen=True, slots=True)
class StorageSettings:
    """Where things are kept; read from the environment by cli/ and defs/resources.py only."""

    data_root: str = ".wm/data"
    work_folder: str = ".wm/work"
    """Local scratch space: staging of partitions, running training, copies of remote checkpoints."""
    cache_folder: str = ".wm/cache"
    """Converted base weights."""
    mlflow_uri: str = "sqlite:///.wm/mlflow.db"
    mlflow_artifacts: str | None = ".wm/mlartifacts"
    mlflow_ui_url: str | None = None
    chromium: str | None = None
    llm: LlmSettings | None = None
    llm_key: str = field(default="", repr=False)
    applications: tuple[str, ...] = ()
    """Files of the user's own applications (docs/environments.md); each is a site with the name of its file."""
    s3: dict[str, str] = field(default_factory=dict)


ProfileName = Literal["tiny", "laptop", "gpu"]
