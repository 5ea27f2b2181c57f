"""Who plays in the demonstration. The numbers have right check digits and belong to nobody."""

from ca.attributes.attributes import Attributes
from core.subject import Identity, Subject

PLACE = {"province": "陕西省", "locality": "宝鸡市"}
OFFICE = "宝鸡市人民政府办公室"

UNIT = Subject(**PLACE, organization=OFFICE, common_name=OFFICE, identity=Identity(credit_code="11610300000000001T"))
STAFF = {
    "zhangsan": Subject(
        **PLACE, organization=OFFICE, common_name="张三", identity=Identity(resident_id="610302198001010016")
    ),
    "lisi": Subject(
        **PLACE, organization=OFFICE, common_name="李四", identity=Identity(resident_id="610302199003150025")
    ),
}

ADMINISTRATOR = "zhao.min"
"""The business administrator, who appoints the operators."""
ENTERER, REVIEWER = "wang.fang", "liu.yang"
"""The operator who enters, and the one who approves and makes."""
SECOND_REVIEWER = "chen.jing"
"""Who approves too, where two are needed."""
SEAL_ADMINISTRATORS = "song.lin", "tang.yue", "xu.kai"
"""Who apply for seals and approve them: the first applies, the others approve."""
SEAL_CUSTODIAN = "he.qing"
"""Who keeps the seals of the unit."""

ROLE_HOLDER = "zhangsan"
"""Who of the staff has a role by attribute certificate."""
ATTRIBUTES = Attributes(roles=("urn:example:role:document-approver",), positions=("副主任",), groups=("办公室",))
